"""Sizes, the limits of dtypes, and the old names of tensors by their dtype."""

import pytest

import metagrad as mg
from metagrad.utils import _pytree as pytree


def test_a_size_is_made_of_whole_numbers():
    assert mg.Size(mg.tensor([1, 2])) == (1, 2) and type(mg.Size(mg.tensor([1]))[0]) is int
    assert mg.Size(map(int, "12")) == (1, 2) and mg.Size() == ()
    for wrong in ([1.5], "ab", [None], [mg.tensor(1.0)]):
        with pytest.raises(TypeError, match="takes an iterable of 'int'"):
            mg.Size(wrong)


def test_limits_of_one_dtype_are_equal():
    assert mg.finfo(mg.float32) == mg.finfo() != mg.finfo(mg.float64) and hash(mg.finfo()) == hash(mg.finfo(mg.float32))
    assert mg.iinfo(mg.int8) == mg.iinfo(mg.int8) != mg.iinfo(mg.int16)


def test_names_of_tensors_types():
    assert not mg.FloatTensor.is_cuda and mg.FloatTensor.layout is mg.strided
    with pytest.raises(ValueError, match="invalid type"):
        mg.ones(1).type("metagrad.BlahTensor")


def test_types_of_tensors_on_a_gpu():
    assert mg.cuda.FloatTensor.is_cuda and not isinstance(mg.ones(1), mg.cuda.FloatTensor)
    assert mg.cuda.FloatTensor is mg.cuda.FloatTensor is not mg.cuda.DoubleTensor


@pytest.mark.skipif(mg.cuda.is_available(), reason="a GPU is there")
@pytest.mark.parametrize("kind", [RuntimeError, AssertionError])  # PyTorch's is the second, and programs catch it
def test_what_needs_a_gpu_says_so_in_a_kind_that_is_caught(kind):
    for call in (mg.ones(1).cuda, mg.cuda.current_device, lambda: mg.cuda.FloatTensor(1)):
        with pytest.raises(kind, match="CuPy"):
            call()


def test_results_with_several_parts_are_trees():
    tree = pytree.tree_map(lambda x: x + 1, {"found": mg.sort(mg.tensor([2.0, 1.0]))})
    found = tree["found"]
    assert type(found) is mg.return_types.sort and found.indices.tolist() == [2, 1]
    assert found.n_fields == 2
    doubled = mg.vmap(lambda x: mg.max(x, 0))(mg.tensor([[1.0, 3.0], [4.0, 2.0]]))
    assert doubled.indices.tolist() == [1, 0]


def test_a_permutation_has_no_number_twice():
    assert mg.randperm(256, dtype=mg.uint8).sort().values.tolist() == list(range(256))
    for n, kind in ((257, mg.uint8), (129, mg.int8), (2050, mg.float16)):
        with pytest.raises(RuntimeError, match="cannot be greater than"):
            mg.randperm(n, dtype=kind)


def test_the_complement_of_a_fraction():
    with pytest.raises(TypeError, match="integer and Boolean"):
        ~mg.ones(1)


def test_results_of_functions_given_out_have_a_name_of_their_own():
    for name in ("max", "sort", "linalg_eigh"):
        kind = getattr(mg.return_types, name + "_out")
        assert kind is getattr(mg.return_types, name) and type(kind([mg.ones(()), mg.ones(())])) is kind
    with pytest.raises(AttributeError):
        mg.return_types.tuple_out


def test_nodes_of_trees_are_counted():
    assert [pytree.tree_structure(tree).num_nodes for tree in (1, [], [1, (2, {"a": 3})])] == [1, 1, 6]


def test_a_shape_is_asked_whether_it_is_that_of_a_leaf():
    assert pytree.LeafSpec() == pytree.tree_structure(1) and isinstance(pytree.LeafSpec(), pytree.TreeSpec)
    shapes = [pytree.tree_structure(tree) for tree in (1, [1], ())]
    assert [isinstance(shape, pytree.LeafSpec) for shape in shapes] == [True, False, False]
