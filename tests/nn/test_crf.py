"""The linear-chain CRF against all paths, counted one by one."""

import itertools

import numpy as np
import pytest

import metagrad
from metagrad import nn
from metagrad.autograd import gradcheck, gradgradcheck
from metagrad.kernels import crf as kernel
from metagrad.nn.modules.crf import LogPartition, plain_log_partition
from metagrad.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

LENGTHS = [3, 1, 4, 2]
K = 3


@pytest.fixture
def crf():
    metagrad.manual_seed(3)
    crf = nn.CRF(K, dtype=metagrad.float64)
    for p in crf.parameters():
        nn.init.normal_(p)
    return crf


@pytest.fixture
def scores():
    metagrad.manual_seed(4)
    return metagrad.randn(len(LENGTHS), max(LENGTHS), K, dtype=metagrad.float64)


def all_paths(crf, e):
    """Every path of one sequence with its score, by the definition."""
    start, end, between = (p.detach().numpy() for p in (crf.start, crf.end, crf.between))
    found = {}
    for y in itertools.product(range(K), repeat=len(e)):
        s = start[y[0]] + end[y[-1]] + sum(e[t][k] for t, k in enumerate(y))
        found[y] = s + sum(between[i, j] for i, j in itertools.pairwise(y))
    return found


def each(scores):
    return [scores[b, :n].numpy() for b, n in enumerate(LENGTHS)]


def test_loss_and_partition_sum_over_all_paths(crf, scores):
    labels = metagrad.tensor([[0, 2, 1, 0], [1, 0, 0, 0], [2, 2, 0, 1], [1, 1, 0, 0]])
    log_z, expected = [], []
    for e, y, n in zip(each(scores), labels.tolist(), LENGTHS):
        paths = all_paths(crf, e)
        log_z.append(np.log(sum(np.exp(s) for s in paths.values())))
        expected.append(log_z[-1] - paths[tuple(y[:n])])
    np.testing.assert_allclose(crf.log_partition(scores, LENGTHS).detach().numpy(), log_z)
    np.testing.assert_allclose(crf(scores, labels, LENGTHS, reduction="none").detach().numpy(), expected)
    np.testing.assert_allclose(crf(scores, labels, LENGTHS, reduction="sum").item(), sum(expected))
    np.testing.assert_allclose(crf(scores, labels, LENGTHS).item(), sum(expected) / sum(LENGTHS))


def test_viterbi_marginals_and_n_best_against_all_paths(crf, scores):
    best = crf.decode(scores, LENGTHS)
    marginals = crf.marginals(scores, LENGTHS)
    log_p, several = crf.decode_n_best(scores, 5, LENGTHS)
    for b, (e, n) in enumerate(zip(each(scores), LENGTHS)):
        paths = all_paths(crf, e)
        z = sum(np.exp(s) for s in paths.values())
        ranked = sorted(paths, key=lambda y: -paths[y])
        assert best[b].tolist() == [*ranked[0], *[-1] * (4 - n)]
        for t in range(n):
            p = [sum(np.exp(s) for y, s in paths.items() if y[t] == k) / z for k in range(K)]
            np.testing.assert_allclose(marginals[b, t].numpy(), p)
        assert (marginals[b, n:] == 0).all()
        for rank, y in enumerate(ranked[:5]):
            assert several[b, :n, rank].tolist() == list(y)
            np.testing.assert_allclose(log_p[b, rank].item(), paths[y] - np.log(z))
    assert log_p[1].isinf().tolist() == [False] * 3 + [True] * 2  # a single step has three paths only


def test_packed_padded_and_time_first_agree(crf, scores):
    labels = metagrad.tensor([[0, 2, 1, 0], [1, 0, 0, 0], [2, 2, 0, 1], [1, 1, 0, 0]])
    packed = pack_padded_sequence(scores, LENGTHS, batch_first=True, enforce_sorted=False)
    packed_labels = pack_padded_sequence(labels, LENGTHS, batch_first=True, enforce_sorted=False)
    expected = crf(scores, labels, LENGTHS, reduction="none").detach().numpy()
    np.testing.assert_allclose(crf(packed, packed_labels, reduction="none").detach().numpy(), expected)
    again, lengths = pad_packed_sequence(crf.decode(packed), batch_first=True, padding_value=-1)
    assert again.tolist() == crf.decode(scores, LENGTHS).tolist() and lengths.tolist() == LENGTHS
    crf.batch_first = False
    turned = scores.transpose(0, 1), labels.transpose(0, 1)
    np.testing.assert_allclose(crf(*turned, LENGTHS, reduction="none").detach().numpy(), expected)
    assert crf.decode(turned[0], LENGTHS).transpose(0, 1).tolist() == again.tolist()
    assert crf.decode(scores).shape == (len(LENGTHS), 4)  # here (T, B, K): no lengths, all are whole


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("sizes", [[3, 3, 3], [4, 3, 3, 1], [1], [5], [5, 1, 1]])
@pytest.mark.parametrize("spread", [1, 30, 400])
def test_kernel_equals_its_plain_twin(dtype, sizes, spread):
    """Also where exponentials underflow, and the sums must be done in log-space."""
    rng = np.random.default_rng(len(sizes) + spread)
    shapes = [(sum(sizes), 4), (4,), (4,), (4, 4)]
    arrays = [(rng.standard_normal(s) * spread).astype(dtype) for s in shapes]
    results = []
    for run in (LogPartition.apply, plain_log_partition):
        inputs = [metagrad.tensor(a, requires_grad=True) for a in arrays]
        log_z = run(*inputs, sizes=sizes)
        (log_z * metagrad.arange(1, sizes[0] + 1, dtype=log_z.dtype)).sum().backward()
        nothing = np.zeros_like  # the gradient of transitions that no sequence is long enough for
        grads = [nothing(x.detach().numpy()) if x.grad is None else x.grad.numpy() for x in inputs]
        results.append([log_z.detach().numpy(), *grads])
    # α of a long way is a large number: what is left after ln Z is taken off has lost its last digits.
    close = {"rtol": 2e-6 * spread, "atol": 2e-6 * spread} if dtype == "float32" else {"rtol": 1e-9, "atol": 1e-10}
    for ours, theirs in zip(*results, strict=True):
        assert ours.dtype == theirs.dtype and ours.shape == theirs.shape
        np.testing.assert_allclose(ours, theirs, **close)


def test_a_label_reached_only_against_great_odds():
    """The only way to the last label is one that exp rounds to nothing."""
    between = np.full((2, 2), -300.0, np.float32)
    between[0, 0] = 0
    e = np.array([[0, -np.inf], [-np.inf, 0]], np.float32)
    nothing = np.zeros(2, np.float32)
    log_z, alpha = kernel.forward(e, nothing, nothing, between, [1, 1])
    assert log_z.tolist() == [-300.0]
    p = kernel.marginals(log_z, alpha, kernel.backward(e, nothing, between, [1, 1]), [1, 1])
    assert p.tolist() == [[1, 0], [0, 1]]
    pairs = kernel.pair_sums(np.ones(1, np.float32), log_z, alpha, kernel.backward(e, nothing, between, [1, 1]), e,
                             between, [1, 1])  # fmt: skip
    assert pairs.tolist() == [[0, 1], [0, 0]]


def test_forbidden_transitions(crf, scores):
    with metagrad.no_grad():
        crf.between[0, 1] = -np.inf
    loss = crf(scores, metagrad.full((4, 4), 2, dtype=metagrad.int64), LENGTHS)
    loss.backward()
    assert loss.isfinite() and all(p.grad.isfinite().all() for p in crf.parameters())
    assert crf.between.grad[0, 1] == 0
    for y, n in zip(crf.decode(scores, LENGTHS).tolist(), LENGTHS):
        assert (0, 1) not in itertools.pairwise(y[:n])


def test_gradients(crf, scores):
    labels = metagrad.tensor([[0, 2, 1, 0], [1, 0, 0, 0], [2, 2, 0, 1], [1, 1, 0, 0]])
    scores.requires_grad_()
    inputs = (scores, *crf.parameters())
    assert gradcheck(lambda *_: crf(scores, labels, LENGTHS, reduction="none"), inputs)
    assert gradgradcheck(lambda *_: crf.log_partition(scores, LENGTHS), inputs)


def test_gradient_of_the_partition_is_the_marginals(crf, scores):
    scores.requires_grad_()
    crf.log_partition(scores, LENGTHS).sum().backward()
    np.testing.assert_allclose(scores.grad.numpy(), crf.marginals(scores.detach(), LENGTHS).numpy())


def test_a_chain_is_learned():
    """Labels that only their neighbours tell: after 0 comes 1, after 1 comes 0, and the scores say where to begin."""
    metagrad.manual_seed(0)
    crf = nn.CRF(2)
    scores, labels = metagrad.zeros(2, 6, 2), metagrad.tensor([[0, 1] * 3, [1, 0] * 3])
    scores[0, 0, 0] = scores[1, 0, 1] = 3.0
    optimizer = metagrad.optim.Adam(crf.parameters(), lr=0.1)
    for _ in range(100):
        optimizer.zero_grad()
        crf(scores, labels).backward()
        optimizer.step()
    assert crf.decode(scores).tolist() == labels.tolist()


def test_mistakes_are_named(crf, scores):
    labels = metagrad.zeros(4, 4, dtype=metagrad.int64)
    with pytest.raises(ValueError, match="at least one label"):
        nn.CRF(0)
    with pytest.raises(ValueError, match="CRF of 3 labels"):
        crf(metagrad.zeros(4, 4, 5), labels)
    with pytest.raises(ValueError, match=r"\(B, T, K\)"):
        crf.decode(metagrad.zeros(4, 3))
    with pytest.raises(IndexError, match=r"\[0, 3\)"):
        crf(scores, labels + 3)
    with pytest.raises(ValueError, match="integer label"):
        crf(scores, labels.double())
    with pytest.raises(ValueError, match="reduction"):
        crf(scores, labels, reduction="median")
    with pytest.raises(ValueError, match="lengths"):
        crf.decode(pack_padded_sequence(scores, LENGTHS, batch_first=True, enforce_sorted=False), LENGTHS)
    with pytest.raises(ValueError, match="at least 1"):
        crf.decode_n_best(scores, 0)


def test_state_and_text(crf):
    assert {k: tuple(v.shape) for k, v in crf.state_dict().items()} == {"start": (3,), "end": (3,), "between": (3, 3)}
    assert repr(crf) == "CRF(3)" and repr(nn.CRF(2, batch_first=False)) == "CRF(2, batch_first=False)"
