from aging.stats.series.validation import Floats
from aging.stats.slope.inversions import Numbers, Order

def reorder(
    values: Floats, start: Order, falling: bool, order: Order, picks: Numbers | None, earlier: Order, later: Order
) -> tuple[int, int]: ...
