from dncnn_keras.one_line import LONGEST, one_line


def test_what_cannot_be_printed_is_escaped():
    assert one_line("ä.png: no such file") == "ä.png: no such file"
    assert one_line(ValueError("a\nb\x1b[31m\udcff")) == r"a\nb\x1b[31m\udcff"


def test_a_long_line_keeps_its_beginning_and_its_end():
    line = one_line("name: " + "x" * 10**5 + ": damaged")
    assert len(line) <= LONGEST
    assert line.startswith("name: xx") and line.endswith("xx: damaged")
