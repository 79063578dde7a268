"""Shapes of trees: how they are compared, written, and matched by other trees. What is expected is what PyTorch says."""

import copy
import dataclasses
import pickle
from collections import OrderedDict, defaultdict, deque, namedtuple

import pytest

import metagrad as mg
from metagrad.utils import _pytree as pytree

Pair = namedtuple("Pair", "x y")
Other = namedtuple("Other", "x y")


@pytest.fixture
def made():
    """Registers classes for one test."""
    before = dict(pytree.SUPPORTED_NODES)
    yield pytree.register_pytree_node
    pytree.SUPPORTED_NODES.clear()
    pytree.SUPPORTED_NODES.update(before)


def plus(a, b):
    return a + b


def test_dictionaries_match_by_their_keys():
    assert pytree.tree_map(plus, OrderedDict(a=1, b=2), {"b": 30, "a": 40}) == OrderedDict(a=41, b=32)
    assert pytree.tree_map(plus, {"a": 1}, defaultdict(list, a=2)) == {"a": 3}
    with pytest.raises(ValueError, match=r"^Node keys mismatch; missing key\(s\): {'a'}; extra key\(s\): {'b'}\.$"):
        pytree.tree_map(plus, {"a": 1}, {"b": 1})
    assert pytree.tree_map(plus, deque([1], maxlen=2), deque([1])) == deque([2])


@pytest.mark.parametrize(
    ("tree", "other", "words"),
    [
        ([(1,)], [3], r"^Node type mismatch; expected <class 'tuple'>, but got <class 'int'>\.$"),
        ((1,), (1, 2), r"^Node arity mismatch; expected 1, but got 2\.$"),
        (
            Pair(1, 2),
            Other(1, 2),
            r"^Node context mismatch for node type <function namedtuple .*Pair'>, but got .*Other'>",
        ),
    ],
)
def test_other_shapes_are_refused(tree, other, words):
    with pytest.raises(ValueError, match=words):
        pytree.tree_map(plus, tree, other)


def test_a_context_is_part_of_the_shape(made):
    class Kept:
        def __init__(self, x, name):
            self.x, self.name = x, name

    made(Kept, lambda k: ([k.x], k.name), lambda parts, name: Kept(*parts, name))
    assert pytree.tree_map(plus, Kept(1, "a"), Kept(2, "a")).x == 3
    with pytest.raises(ValueError, match="Node context mismatch for custom node type"):
        pytree.tree_map(plus, Kept(1, "a"), Kept(2, "b"))
    with pytest.raises(ValueError, match="Did not find a flatten_with_keys_fn for type"):
        pytree.tree_flatten_with_path(Kept(1, "a"))
    with pytest.raises(NotImplementedError, match="No registered serialization name for"):
        pytree.treespec_dumps(pytree.tree_structure(Kept(1, "a")))


def test_a_shape_is_an_object_to_be_compared_and_kept():
    shape = pytree.tree_structure({"b": [1, (2, None)], "a": Pair(3, 4)})
    assert repr(shape).count("TreeSpec(namedtuple, ") == 1 and shape.child(1).type is namedtuple
    assert hash(shape) == hash(copy.deepcopy(shape)) and pickle.loads(pickle.dumps(shape)) == shape
    assert pytree.tree_leaves([shape]) == [shape]  # it is no container itself
    with pytest.warns(FutureWarning, match="`treespec.children_specs` is deprecated"):
        assert shape.children_specs == shape.children()
    with pytest.raises(ValueError, match="`leaves` has length 1 but the spec refers to a pytree that holds 5 items"):
        pytree.tree_unflatten([1], shape)
    with pytest.raises(
        TypeError, match="Expected `treespec` to be an instance of PyTreeSpec but got item of type <class 'int'>"
    ):
        pytree.tree_unflatten([1], 3)
    assert pytree.treespec_pprint(shape) == "{'b': [*, (*, *)], 'a': Pair(x=*, y=*)}"


def test_results_and_sizes_are_containers():
    leaves, shape = pytree.tree_flatten([mg.zeros(2, 3).size(), mg.max(mg.ones(2, 2), 0)])
    assert leaves[:2] == [2, 3] and len(leaves) == 4
    assert str(shape).startswith("TreeSpec(list, None, [TreeSpec(Size, None, [*,") and "TreeSpec(max, None, " in str(
        shape
    )
    assert pytree.tree_unflatten(leaves, shape)[0].__class__ is tuple


def test_a_shape_is_written_as_text(made):
    leaf = '{"type": null, "context": null, "children_spec": []}'
    for tree, name, context in [
        ([0], "builtins.list", '"null"'),
        ({"a": 0}, "builtins.dict", r'"[\"a\"]"'),
        (deque([0], maxlen=3), "collections.deque", '"3"'),
        (
            defaultdict(list, a=0),
            "collections.defaultdict",
            '{"default_factory_module": "builtins", "default_factory_name": "list", "dict_context": ["a"]}',
        ),
    ]:
        shape = pytree.tree_structure(tree)
        text = pytree.treespec_dumps(shape)
        assert text == f'[1, {{"type": "{name}", "context": {context}, "children_spec": [{leaf}]}}]'
        assert pytree.treespec_loads(text) == shape
    with pytest.raises(NotImplementedError, match="Can't serialize TreeSpec of namedtuple class"):
        pytree.treespec_dumps(pytree.tree_structure(Other(1, 2)))
    pytree._register_namedtuple(Pair, serialized_type_name="a.Pair")
    shape = pytree.tree_structure(Pair(1, 2))
    assert pytree.treespec_loads(pytree.treespec_dumps(shape)) == shape
    with pytest.raises(ValueError, match=r"Unknown protocol 2. Available protocols: \[1\]"):
        pytree.treespec_loads("[2, {}]")
    with pytest.raises(NotImplementedError, match="Deserializing nosuch in pytree is not registered"):
        pytree.treespec_loads('[1, {"type": "nosuch", "context": null, "children_spec": []}]')


def test_dataclasses_and_constants(made):
    @dataclasses.dataclass
    class Point:
        x: int
        y: object = 2
        n: int = dataclasses.field(init=False, default=3)

    pytree.register_dataclass(Point, serialized_type_name="a.Point")
    assert pytree.tree_structure(Point(1)).context == [["x", "y"], []]
    assert pytree.tree_structure(Point(1, None)).context == [["x"], ["y"]]
    assert pytree.tree_map(lambda v: v + 1, Point(1, None)) == Point(2, None)
    pytree._deregister_pytree_node(Point)
    with pytest.raises(ValueError, match="Missing fields in `field_names`: {'y'}"):
        pytree.register_dataclass(Point, field_names=["x"])
    pytree.register_dataclass(Point, field_names=["x"], drop_field_names=["y"])
    assert pytree.tree_map(lambda v: v + 1, Point(1, 5)) == Point(2, 2)

    class Plain: ...

    with pytest.raises(TypeError, match="expects `cls` to have a non-default `__eq__`"):
        pytree.register_constant(Plain)
    with pytest.raises(ValueError, match="Both to_dumpable_context and from_dumpable_context"):
        made(Plain, None, None, to_dumpable_context=str)
    frozen = dataclasses.make_dataclass("Frozen", ["a"], frozen=True)
    pytree.register_constant(frozen)
    assert pytree.tree_map(lambda x: x + 1, [frozen(3), 1]) == [frozen(3), 2]


def test_what_is_made_of_a_size_may_be_no_sizes():
    assert pytree.tree_map(str, {"s": mg.Size([2, 3])}) == {"s": ("2", "3")}
