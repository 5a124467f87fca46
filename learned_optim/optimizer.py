"""The learned optimizer, as Keras users compile with it."""

import base64
import io
import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import keras
import numpy as np
import tensorflow as tf

from learned_optim.coordinates import Coordinates, hidden_kernels
from learned_optim.pretrained import describe, load_rule, undrawn
from learned_optim.rules import make_rule
from learned_optim.rules.rule import Rule

# Coordinates that go through the LSTM as one batch: enough to keep all cores busy, few enough to
# bound the memory of its gates (640 bytes a coordinate).
_BLOCK = 2**17

# The squares of larger gradients are infinite.
_LARGEST = 1e19

# Under this key a saved state says what it belongs to.
_BELONGS_TO = "belongs_to"


@keras.saving.register_keras_serializable("learned_optim")
class LearnedOptimizer(keras.optimizers.Optimizer):
    """Optimizer whose update rule was learned: an LSTM shared by all weights of the model.

    The rules `default` and `lengths` were meta-trained and selected at a learning rate that falls
    to zero along a cosine, and raced with a warm-up over the first 3 % of the steps before it: see
    the example. A constant rate works, and ends worse: `OrthogonalMomentum`, from which they start,
    by 0.38 dB after 300 steps of DnCNN (at 1e-2, one seed; `results/meta-dncnn-rivals.json`).

    Args:
        learning_rate: Float, or a `keras.optimizers.schedules.LearningRateSchedule`, or a
            callable. Multiplies the update. By default the rate that the weights are meant for.
            With the rules `default` and `lengths` 1e-3 means orthogonalised steps of 1e-2 for
            hidden kernels (those of neither the first nor the last layer) and Adam's at 5e-3 for
            all other weights, which `lengths` makes up to 30 times longer or shorter.
        weights: The learned rule: a name out of `learned_optim.pretrained.available()`, the path
            of a `.weights.h5` file of `learned_optim.save_rule`, or a `Rule`. A `Rule` is not
            copied: optimizers that share it follow its weights as they are, and restoring the state
            of one of them restores the rule for all.
        non_finite: What happens at a gradient with NaN or Inf, or one so large that its square
            is infinite: the whole step is left out and counted in `skipped`, or with `"fail"` an
            error is raised. Under XLA, Keras's default on GPUs, there are no errors: compile
            with `jit_compile=False` for that. What has clipped or scaled the gradient comes first:
            `clipvalue` makes Inf finite, and in `mixed_float16` Keras leaves such a step out
            itself, uncounted here. Moving averages of batch normalization have seen the batch
            either way.
        compact_state: Whether the recurrent state is kept in 16 and 8 bits: 128 bytes a weight
            instead of 328 with the default rule, at a little precision. Weights that the LSTM is
            not run on, those of hidden kernels with `lengths`, have 8 either way.
        weight_decay: Float. Decoupled weight decay.
        clipnorm, clipvalue, global_clipnorm: Float. Clip the gradients before they are seen, of
            each weight tensor by its norm, by value, or of all together by their norm.
        use_ema, ema_momentum, ema_overwrite_frequency: Exponential moving average of the model's
            weights, see `keras.optimizers.Optimizer`.
        loss_scale_factor: Float. Factor of the loss that is divided out of the gradients.
        gradient_accumulation_steps: Integer. Steps over which gradients are averaged.
        name: Name of the optimizer.

    Attributes:
        rule: The `Rule`.
        skipped: `keras.Variable`, the number of steps left out for non-finite gradients; it exists
            once the optimizer is built.

    Raises:
        FileNotFoundError: If there are no such weights.
        ValueError: If the weights are not a rule's, or an argument is out of its range. Later,
            by `build`: if a variable of the model is not real.

    Reference:
        M. Andrychowicz et al., "Learning to learn by gradient descent by gradient descent",
        NeurIPS 2016; the rules say what they add.

    Example:

    >>> steps = epochs * math.ceil(len(x) / 32)
    >>> warmup = round(0.03 * steps)
    >>> rate = keras.optimizers.schedules.CosineDecay(
    ...     0.0, decay_steps=steps - warmup, warmup_target=1e-3, warmup_steps=warmup
    ... )
    >>> model.compile(optimizer=LearnedOptimizer(rate), loss="mse")
    >>> model.fit(x, y, batch_size=32, epochs=epochs)

    A saved model is loaded as any other, once this class has been imported:

    >>> from learned_optim import LearnedOptimizer
    >>> model = keras.models.load_model("model.keras")
    """

    def __init__(
        self,
        learning_rate: float
        | keras.optimizers.schedules.LearningRateSchedule
        | Callable
        | None = None,
        weights: str | Path | Rule = "default",
        non_finite: Literal["skip", "fail"] = "skip",
        compact_state: bool = False,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None,
        name: str = "learned_optimizer",
        **kwargs,
    ):
        if non_finite not in ("skip", "fail"):
            raise ValueError(f"non_finite must be 'skip' or 'fail', got {non_finite!r}")
        rule = _resolve(weights)
        super().__init__(
            learning_rate=rule.learning_rate if learning_rate is None else learning_rate,
            weight_decay=weight_decay,
            clipnorm=clipnorm,
            clipvalue=clipvalue,
            global_clipnorm=global_clipnorm,
            use_ema=use_ema,
            ema_momentum=ema_momentum,
            ema_overwrite_frequency=ema_overwrite_frequency,
            loss_scale_factor=loss_scale_factor,
            gradient_accumulation_steps=gradient_accumulation_steps,
            name=name,
            **kwargs,
        )
        self.rule = rule
        self.non_finite = non_finite
        self.compact_state = compact_state

    def __dir__(self):
        """Leaves out the rule: Keras saves what it finds, and its weights are saved already."""
        return [name for name in super().__dir__() if name != "rule"]

    def build(self, variables):
        """Makes moments and recurrent state for each variable."""
        if self.built:
            return
        for variable in variables:
            if not tf.as_dtype(variable.dtype).is_floating:
                name = getattr(variable, "path", variable.name)  # a tf.Variable has no path
                raise ValueError(
                    f"LearnedOptimizer: variable {name} is {variable.dtype}; only real "
                    "floating-point variables can be trained"
                )
        super().build(variables)
        # Kept with the state, so that a saved model goes on by the rule that it began with.
        for weight in self.rule.weights:
            self._track_variable(weight)
        self.skipped = self.add_variable((), "zeros", "int", "only_first_replica", name="skipped")
        hidden = hidden_kernels(
            [variable.shape for variable in variables], [variable.name for variable in variables]
        )
        self._blocks = [
            _Block(self, number, members, variables, hidden)
            for number, members in enumerate(_partition(variables))
        ]

    def _apply_weight_decay(self, variables):
        # Comes with the step, so that a step that is left out does not decay either.
        pass

    def _backend_update_step(self, grads, trainable_variables, learning_rate):
        # Keras's own goes through the variables one by one; here all are updated at once, on
        # every device on its own copies.
        pairs = self._all_reduce_sum_gradients(list(zip(grads, trainable_variables, strict=True)))
        indices = [self._get_variable_index(variable) for _, variable in pairs]

        def update(strategy, gradients, rate):
            strategy.extended.update(
                self.skipped.value,
                lambda _, gradients, rate: self._step(
                    dict(zip(indices, gradients, strict=True)), rate
                ),
                args=(gradients, rate),
                group=False,
            )

        tf.__internal__.distribute.interim.maybe_merge_call(
            update, self._distribution_strategy, [gradient for gradient, _ in pairs], learning_rate
        )

    def _step(self, gradients, learning_rate):
        gradients = {
            index: tf.cast(tf.convert_to_tensor(gradient), tf.float32)
            for index, gradient in gradients.items()
        }
        finite = tf.reduce_all(
            [tf.reduce_all(tf.abs(gradient) < _LARGEST) for gradient in gradients.values()]
        )

        def apply():
            step = self.iterations + 1 - self.skipped
            done: list[tf.Tensor] = []
            for block in self._blocks:
                # One after the other: side by side all of them would hold their gates at once.
                with tf.control_dependencies(done):
                    done = block.update(gradients, learning_rate, step) or done

        errors = []
        if self.non_finite == "fail":
            message = (
                "LearnedOptimizer: a gradient is NaN, Inf or above 1e19; lower the learning rate, "
                "set clipnorm, or leave such steps out by non_finite='skip'"
            )
            errors = [tf.debugging.Assert(finite, [message])]
        with tf.control_dependencies(errors):
            tf.cond(finite, apply, lambda: self.assign_add(self.skipped, 1))

    def update_step(self, gradient, variable, learning_rate):
        """Not used: all variables are updated together, see `_backend_update_step`."""
        raise NotImplementedError("LearnedOptimizer updates all variables in one step")

    def save_own_variables(self, store):
        """Saves moments, recurrent state, rule and counters, and what they belong to."""
        super().save_own_variables(store)
        if self.built:
            store[_BELONGS_TO] = np.frombuffer(json.dumps(self._belongs_to()).encode(), np.uint8)

    def load_own_variables(self, store):
        """Restores moments, recurrent state, rule and counters.

        Where the file holds no state of a learned optimizer, but another's or none, or that of
        other variables, this warns and starts from nothing, as every Keras optimizer does. (Wrapped
        for loss scaling, in `mixed_float16`, Keras refuses the state of other variables itself.)

        Raises:
            ValueError: If the state is another rule's.
        """
        names = set(store.keys())
        if not (self.built and _BELONGS_TO in names):
            reason = (
                "build it first, by optimizer.build(model.trainable_variables), to restore its "
                "saved state"
                if _BELONGS_TO in names
                else "no state of a LearnedOptimizer was saved here (of one wrapped for loss "
                "scaling, it is restored under the same dtype policy alone)"
            )
            warnings.warn(f"{self.name} starts from nothing: {reason}", stacklevel=2)
            return
        # What a file does not know, since it is older, was as it is by default.
        with undrawn():
            default = type(self.rule)()
        theirs = _arguments(default) | json.loads(bytes(np.asarray(store[_BELONGS_TO])))
        for key, mine in self._belongs_to().items():
            if theirs.get(key) != mine:
                raise ValueError(
                    f"LearnedOptimizer: the saved state is of {key} {theirs.get(key)!r}, this "
                    f"optimizer's is {mine!r}"
                )
        saved = [np.asarray(store[str(index)]) for index in range(len(names) - 1)]
        shapes = [tuple(variable.shape) for variable in self.variables]
        if [array.shape for array in saved] != shapes:
            # A model that was saved with frozen layers is loaded, and an optimizer built, without
            # them: no reason to refuse the whole file.
            warnings.warn(
                f"{self.name} starts from nothing: the saved state is that of other trainable "
                "variables, or was made with another kind of learning rate, use_ema or gradient "
                f"accumulation: it has {len(saved)} variables, this one {len(shapes)}"
                + (" of other shapes" if len(saved) == len(shapes) else ""),
                stacklevel=2,
            )
            return
        for variable, array in zip(self.variables, saved, strict=True):
            variable.assign(array)

    def _belongs_to(self):
        rule = {"rule": type(self.rule).__name__, **_arguments(self.rule)}
        return {**rule, "compact_state": self.compact_state}

    def get_config(self):
        """Returns the constructor's arguments; the rule itself goes along.

        So a saved model needs no other file, and trains on by the rule that it began with after
        another one has been released under the same name.
        """
        return {
            **super().get_config(),
            "weights": _pack(self.rule),
            "non_finite": self.non_finite,
            "compact_state": self.compact_state,
        }


class _Block:
    """Variables whose coordinates go through the LSTM as one batch, and their state."""

    def __init__(self, optimizer, number, members, variables, hidden):
        self._optimizer = optimizer
        self._rule = optimizer.rule
        self._members = members
        self._variables = [variables[index] for index in members]
        self._coordinates = Coordinates(
            [variable.shape for variable in self._variables], [hidden[i] for i in members]
        )
        size, units = self._coordinates.size, self._rule.units
        self._moments = [
            optimizer.add_variable((size,), dtype="float32", name=f"block_{number}_moment_{i + 1}")
            for i in range(self._rule.moments)
        ]
        # Outputs are within [-1, 1]; cells are not, and need an exponent.
        output, cell = ("int8", "float16") if optimizer.compact_state else ("float32", "float32")
        self._state = []
        self._network_size = size = self._rule.network_size(self._coordinates)
        for layer in range(1, self._rule.layers + 1) if size else ():
            for kind, dtype in (("output", output), ("cell", cell)):
                name = f"block_{number}_lstm_{layer}_{kind}"
                self._state.append(optimizer.add_variable((size, units), dtype=dtype, name=name))

    def update(self, gradients, learning_rate, step):
        """Updates the block's variables that have a gradient, and their state.

        Returns:
            List of what was computed last, empty where there was nothing to do.
        """
        given = [index in gradients for index in self._members]
        if not any(given):
            return []
        vector = self._coordinates.join(
            [
                gradients[index] if index in gradients else tf.zeros(shape)
                for index, shape in zip(self._members, self._coordinates.shapes, strict=True)
            ]
        )
        old_moments = [tf.convert_to_tensor(moment) for moment in self._moments]
        inputs, observed, moments = self._rule.observe(vector, old_moments, step, self._coordinates)
        mask = None if all(given) else self._coordinates.spread(given)

        def recur():
            old_state = [_unpack_state(tf.convert_to_tensor(state)) for state in self._state]
            outputs, state = self._recur(inputs, old_state)
            if mask is not None:
                moves = self._coordinates.select(mask, self._rule.is_run_on(self._coordinates))
                pairs = zip(state, old_state, strict=True)
                state = [tf.where(moves[:, None], *pair) for pair in pairs]
            for variable, value in zip(self._state, state, strict=True):
                self._optimizer.assign(variable, _pack_state(value, variable.dtype))
            return self._rule.fade(outputs, step)

        nothing = [tf.zeros(self._network_size)] * self._rule.outputs
        if not self._network_size:
            outputs = nothing
        elif self._rule.horizon:
            outputs = tf.cond(self._rule.trust(step) > 0, recur, lambda: nothing)
        else:
            outputs = recur()
        update = self._rule.update(outputs, observed, self._coordinates)
        if mask is not None:
            moments = [tf.where(mask, *pair) for pair in zip(moments, old_moments, strict=True)]
        for variable, value in zip(self._moments, moments, strict=True):
            self._optimizer.assign(variable, value)
        learning_rate = tf.cast(learning_rate, tf.float32)
        steps = self._coordinates.split(learning_rate * update)
        for variable, change, has_gradient in zip(self._variables, steps, given, strict=True):
            if has_gradient:
                change += learning_rate * self._decay(variable)
                self._optimizer.assign_sub(variable, change)
        return [update]

    def _recur(self, inputs, state):
        """Runs the network, for a single large variable in parts that bound the memory."""
        parts: list[tuple] = []
        for begin in range(0, self._network_size, _BLOCK):
            part = slice(begin, begin + _BLOCK)
            with tf.control_dependencies([parts[-1][0][0]] if parts else []):
                parts.append(self._rule.recur(inputs[part], [each[part] for each in state]))
        if len(parts) == 1:
            return parts[0]
        return tf.nest.map_structure(lambda *each: tf.concat(each, axis=0), *parts)

    def _decay(self, variable):
        decay = self._optimizer.weight_decay
        native = variable.value if isinstance(variable, keras.Variable) else variable
        if decay is None or not self._optimizer._use_weight_decay(native):
            return 0.0
        return decay * tf.cast(tf.convert_to_tensor(variable), tf.float32)


def _partition(variables):
    """Indices of variables in blocks of at most `_BLOCK` coordinates, or of one variable."""
    blocks: list[list[int]] = []
    room = 0
    for index, variable in enumerate(variables):
        size = int(np.prod(variable.shape))
        if not blocks or size > room:
            blocks.append([])
            room = _BLOCK
        blocks[-1].append(index)
        room -= size
    return blocks


def _unpack_state(state):
    if state.dtype == tf.int8:
        return tf.cast(state, tf.float32) / 127.0
    return tf.cast(state, tf.float32)


def _pack_state(state, dtype):
    return tf.cast(tf.round(127.0 * state) if dtype == "int8" else state, dtype)


def _resolve(weights):
    """The rule of the argument `weights`."""
    if isinstance(weights, Rule):
        if not weights.built:
            weights.build()
        return weights
    if isinstance(weights, dict):
        with undrawn():
            rule = make_rule(**weights["rule"])
        rule.learning_rate = weights["learning_rate"]
        with np.load(io.BytesIO(base64.b64decode(weights["values"]))) as values:
            rule.set_weights([values[f"arr_{i}"] for i in range(len(values.files))])
        return rule
    return load_rule(weights)


def _arguments(rule):
    """The constructor's arguments but the name, as JSON returns them."""
    config = {key: value for key, value in rule.get_config().items() if key != "name"}
    return json.loads(json.dumps(config))


def _pack(rule):
    """A rule as something that JSON can hold."""
    values = io.BytesIO()
    np.savez(values, *rule.get_weights())
    return {
        "rule": describe(rule),
        "learning_rate": float(rule.learning_rate),
        "values": base64.b64encode(values.getvalue()).decode("ascii"),
    }
