from experiments.notice import print_notice


def test_every_line_is_marked(capsys):
    print_notice("no data,\nhence others")
    assert capsys.readouterr() == ("", "\n  !!  no data,\n  !!  hence others\n\n")
