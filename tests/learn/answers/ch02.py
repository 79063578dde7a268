"""Chapter 2: a solution, and wrong answers with the words of the hint each must get."""

ORDER = """
def visiting_order(last):
    seen, stack = [], [last]
    while stack:
        number = stack.pop()
        if number not in seen:
            seen.append(number)
            stack += [source for source, _ in number.made_from]
    return sorted(seen, key=lambda number: number.born, reverse=True)
"""
BACKWARD = """
def backward(last):
    arrived = {last: 1.0}
    for number in visiting_order(last):
        g = arrived[number]
        if not number.made_from:
            number.grad += g
        for source, slope in number.made_from:
            arrived[source] = arrived.get(source, 0) + g * slope
"""
INNER = BACKWARD.replace("visiting_order(last)", "youngest_first(last)") + ORDER.replace(
    "visiting_order", "youngest_first"
)  # for the wrong answers to the first exercise
QUEUE = """
def visiting_order(last):
    order = [last]
    for number in order:
        for source, _ in number.made_from:
            if source not in order:
                order.append(source)
    return order
"""
PATHS = """
def visiting_order(last):
    order = [last]
    for source, _ in last.made_from:
        order += visiting_order(source)
    return order
"""
RECURSIVE = """
def visiting_order(last, order=None):
    order = [] if order is None else order
    if last not in order:
        order.append(last)
        for source, _ in last.made_from:
            visiting_order(source, order)
    return order
"""
HASTY = """
def backward(last, first=True):
    if first:
        last.grad = 1
    for source, slope in last.made_from:
        source.grad += last.grad * slope
        backward(source, False)
"""
RIGHT = ORDER + BACKWARD
WRONG = [
    ("visiting_order", "the order of a queue", QUEUE + INNER),
    ("visiting_order", "once for every path", PATHS + INNER),
    ("visiting_order", "recursion first comes", RECURSIVE + INNER),
    ("visiting_order", "the oldest first", ORDER.replace(", reverse=True", "") + INNER),
    ("backward", "replaces what arrived first", ORDER + BACKWARD.replace("arrived.get(source, 0) + ", "")),
    ("backward", "a second one replaces", ORDER + BACKWARD.replace("number.grad += g", "number.grad = g")),
    ("backward", "hands on all it has collected", ORDER + HASTY),
    ("backward", "still 0 everywhere", ORDER + "\ndef backward(last):\n    visiting_order(last)\n"),
]
