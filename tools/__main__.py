"""``python -m tools``, or ``make docs``: writes every document that is made from the code."""

from tools.generated import write_all

write_all()
