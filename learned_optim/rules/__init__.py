"""Update rules: what a learned optimizer computes from gradients."""

from learned_optim.rules.adam import AdamRule
from learned_optim.rules.andrychowicz import AndrychowiczRule
from learned_optim.rules.orthogonal import OrthogonalRule
from learned_optim.rules.orthogonal_lengths import OrthogonalLengthsRule
from learned_optim.rules.rnnprop import RNNpropRule
from learned_optim.rules.rule import Rule

RULES: dict[str, type[Rule]] = {
    "andrychowicz": AndrychowiczRule,
    "rnnprop": RNNpropRule,
    "adam": AdamRule,
    "orthogonal": OrthogonalRule,
    "orthogonal-lengths": OrthogonalLengthsRule,
}


def make_rule(name: str, **arguments) -> Rule:
    """Makes a rule with fresh weights.

    Args:
        name: A key of `RULES`.
        **arguments: Arguments of the rule's class.

    Returns:
        A built `Rule`.

    Raises:
        ValueError: If there is no such rule.

    Example:

    >>> make_rule("adam").count_params()
    5482
    """
    if name not in RULES:
        raise ValueError(f"there is no rule {name!r}; the rules are {', '.join(RULES)}")
    rule = RULES[name](**arguments)
    rule.build()
    return rule
