from aging.trends.inversions import Numbers, Order
from aging.trends.series import Floats

def reorder(
    values: Floats, start: Order, falling: bool, order: Order, picks: Numbers | None, earlier: Order, later: Order
) -> tuple[int, int]: ...
