"""Random programs do the same in PyTorch and in metagrad; and what looks for a difference finds one, and cuts it down."""

import pytest

import metagrad
from tests.differential.generator import generate
from tests.differential.known import KNOWN, reason
from tests.differential.program import Program, Step
from tests.differential.running import Difference, Side, first_difference
from tests.differential.shrinking import shrink

CASES, PROGRAMS = 25, 200  # 5,000 programs


@pytest.mark.oracle
@pytest.mark.parametrize("case", range(CASES))
def test_programs_do_the_same_in_both_libraries(case, torch):
    def shows(program):
        found = first_difference(program, torch, metagrad)
        return None if found is None or reason(program, found) is not None else found

    for seed in range(case * PROGRAMS, (case + 1) * PROGRAMS):
        program = generate(seed, torch)
        if shows(program) is not None:
            small = shrink(program, shows)
            pytest.fail(f"seed {seed}:\n{small}\n{shows(small)}")


@pytest.mark.oracle
def test_a_seed_makes_one_program(torch):
    assert str(generate(7, torch)) == str(generate(7, torch)) != str(generate(8, torch))


class _Wrong:
    """metagrad with one mistake: ``exp`` doubles."""

    Tensor = metagrad.Tensor

    def __getattr__(self, name):
        return (lambda x: x * 2) if name == "exp" else getattr(metagrad, name)


@pytest.mark.oracle
def test_a_mistake_is_found_and_cut_down(torch):
    steps = (
        "a0 = torch.tensor([[-2.5, 0.5], [1.5, 2.0]], dtype=torch.float64).mT.requires_grad_()", "a1 = a0 + 1",
        "a2 = torch.exp(a1)",
        "a3 = a2.sum()", "a3.backward()",
    )  # fmt: skip
    program = Program(tuple(Step(text, island=i == 1) for i, text in enumerate(steps)))

    def shows(program):
        return first_difference(program, torch, _Wrong())

    small = shrink(program, shows)
    assert [str(step) for step in small.steps[-1:]] == ["a2 = torch.exp(a1)"] or len(small.steps) <= 3
    assert len(small.steps) <= 3 and shows(small).kind == "values" and ".mT" not in str(small)


def test_steps_know_what_they_need():
    step = Step("a12 = torch.cat([a1, a3], 0)", island=True)
    assert step.target == "a12" and step.uses == {"a1", "a3"} and str(step).startswith("with torch.no_grad(): a12")
    assert Step("a1[a2 > 0] = 3").target is None and Step("a1 += a2").uses == {"a1", "a2"}


def test_errors_are_told_by_their_kind():
    side = Side(metagrad)
    assert side.run(Step("a0 = torch.ones(2)")) is None and side.run(Step("a0[5]")) == "IndexError"
    assert side.run(Step("a0 @ torch.ones(3)")) == "RuntimeError" and side.run(Step("a7 + 1")) == "skipped"


def test_every_known_difference_says_why():
    assert all(len(known.reason) > 20 for known in KNOWN)
    new = Difference(Step("a1 = a0.exp()"), "values of a1", [1], [2])
    assert reason(Program(()), new) is None
