"""A graph as a Python function, one line for each step, in which values that are not used any more are let go."""

from __future__ import annotations

import dataclasses
import enum
import operator
import re
import types
from typing import Any

from metagrad.base import dtypes
from metagrad.base.layouts import layout, memory_format
from metagrad.compat.custom_ops import OpOverload, OpOverloadPacket
from metagrad.compat.fx.naming import Namespace, of_generated_programs
from metagrad.compat.fx.node import Node, bracketed, public_name, qualified_name, type_text

__all__ = ["PythonCode", "python_code"]

_SIGNS = {
    "eq": "==", "ne": "!=", "lt": "<", "gt": ">", "le": "<=", "ge": ">=", "add": "+", "sub": "-", "mul": "*", "matmul": "@",
    "floordiv": "//", "truediv": "/", "mod": "%", "pow": "**", "lshift": "<<", "rshift": ">>", "and_": "&", "or_": "|", "xor": "^",
}  # fmt: skip
_EXPRESSIONS = {getattr(operator, name): f"{{}} {sign} {{}}" for name, sign in _SIGNS.items()}
_EXPRESSIONS.update({operator.pos: "+{}", operator.neg: "-{}", operator.invert: "~{}", operator.getitem: "{}[{}]"})
_IN_PLACE = {
    getattr(operator, f"i{name.rstrip('_')}"): f"{{}} {sign}= {{}}"
    for name, sign in _SIGNS.items()
    if sign[0] not in "=!" and name not in ("lt", "gt", "le", "ge")
}


@dataclasses.dataclass
class PythonCode:
    """A generated function: its text, and what it names."""

    src: str
    globals: dict[str, Any]
    _lineno_map: dict[int, int | None] | None = None


def path_text(root: str, target: str) -> str:
    """What stands under a path, as an expression.

    >>> path_text("self", "layers.0.weight")
    'getattr(self.layers, "0").weight'
    """
    for part in filter(None, target.split(".")):
        root = f"{root}.{part}" if part.isidentifier() else f'getattr({root}, "{part}")'
    return root


class _Printer:
    """The lines of one function, and the names it uses."""

    def __init__(self, root: str) -> None:
        self.root = root
        self.names = Namespace()
        self.globals = of_generated_programs()
        self.wrapped: dict[str, None] = {}  # functions not to be looked into when the text is traced

    def name(self, obj: Any) -> str:
        """The name of a function or class, and a note of what it is called by."""
        found = public_name(obj)
        if found is not None and self.globals["torch"].__name__ != "torch":  # then some names are elsewhere
            found = (
                None
                if isinstance(obj, (OpOverload, OpOverloadPacket))
                else found.replace("torch.functional.", "torch.")
            )
        if found is not None:
            return found
        hint = qualified_name(obj).removeprefix("builtins.")
        return self.names.named(
            (f"_{hint}" if hint.startswith("operator.") else hint).replace(".", "_"), obj, self.globals
        )

    def text(self, arg: Any) -> str:
        """An argument as it is written in a program."""
        if isinstance(arg, Node):
            return arg.name
        if isinstance(arg, tuple) and hasattr(arg, "_fields"):
            return f"{self.name(type(arg))}({', '.join(map(self.text, arg))})"
        if isinstance(arg, (list, tuple, dict)):
            return bracketed(arg, self.text, repr)
        if isinstance(arg, slice):
            return f"slice({self.text(arg.start)}, {self.text(arg.stop)}, {self.text(arg.step)})"
        if isinstance(arg, enum.Enum):
            return f"{self.names.named(type(arg).__name__, type(arg), self.globals)}.{arg.name}"
        if isinstance(arg, (dtypes.dtype, layout, memory_format)):
            return repr(arg).replace("metagrad.", "torch.")
        if isinstance(arg, (types.FunctionType, types.BuiltinFunctionType, type)):
            return self.name(arg)
        return repr(arg)

    def annotation(self, kind: Any) -> str:
        """An annotation as it is written; what is not a class gets a name of its own."""
        if isinstance(kind, type):
            return "NoneType" if kind is type(None) else self.name(kind)
        if isinstance(kind, str) or kind is None:
            return repr(kind)
        return self.names.named(type_text(kind), kind, self.globals)

    def call(self, node: Node) -> str:
        """What a step computes."""
        args = [self.text(a) for a in node.args]
        every = ", ".join([*args, *(f"{key} = {self.text(value)}" for key, value in node.kwargs.items())])
        target: Any = node.target
        if node.op == "get_attr":
            return path_text(self.root, target)
        if node.op == "call_module":
            return f"{path_text(self.root, target)}({every})"
        if node.op == "call_method":
            of = args[0] if isinstance(node.args[0], Node) else f"({args[0]})"
            return f"{of}.{target}({every[len(args[0]) :].removeprefix(', ')})"
        form = _EXPRESSIONS.get(target) if not node.kwargs else None
        if form is not None and form.count("{}") == len(args):
            return form.format(*args)
        if target is getattr and len(args) == 2 and isinstance(node.args[1], str) and node.args[1].isidentifier():
            return f"{args[0]}.{node.args[1]}"
        name = self.name(target)
        if node.meta.get("is_wrapped"):
            self.wrapped[name] = None
        return f"{name}({every})"


class _Text(str):
    """A text that is written as it is."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def _last_uses(nodes: list[Node]) -> dict[Node, list[Node]]:
    """Of each step the values that it is the last to use, and its own if nobody uses it."""
    done: set[Node] = set()
    found: dict[Node, list[Node]] = {}
    for user in reversed(nodes):
        found[user] = [n for n in user.all_input_nodes if n not in done]
        done.update(found[user])
        if not user.users:
            found[user].append(user)
    return found


def _whence(trace: str | None) -> str:
    """A comment that says which line of a program made a step, from the traceback that was noted."""
    found = re.findall(r'File "(.*)", line (\d+), in (.*)\n\s*(.*)', trace or "")
    if not found:
        return "# No stacktrace found for following nodes"
    file, line, function, code = found[-1]
    return f"\n# File: {file}:{line} in {function}, code: {code.strip()}"


def python_code(graph: Any, root: str, verbose: bool = False) -> PythonCode:
    """A graph as the text of ``forward``; ``verbose``, with comments that say where its steps are from."""
    printer = _Printer(root)
    nodes = list(graph.nodes)
    unused = _last_uses(nodes)
    codegen = graph._codegen
    printer.globals.update(codegen.additional_globals())
    parameters: list[str] = []
    lines: list[str] = []
    returned = whence = ""
    for node in nodes:
        if node.op == "placeholder":
            kind = "" if node.type is None else f" : {printer.annotation(node.type)}"
            default = f" = {printer.text(node.args[0])}" if node.args else ""
            parameters.append(f"{node.target}{kind}{default}")
            plain = node.target.lstrip("*")
            if plain != node.name:
                lines.append(f"{node.name} = {plain}")
            continue
        if node.op == "output":
            returned = "" if node.type is None else f" -> {printer.annotation(node.type)}"
            lines.append(codegen.generate_output(_Text(printer.text(node.args[0]))))
            continue
        if verbose and whence != (whence := _whence(node.stack_trace)):
            lines.append(whence)
        let_go = "".join(f"{n.name} = " for n in unused[node])
        end = f";  {let_go}None" if let_go else ""
        if node.op == "call_function" and node.target in _IN_PLACE:
            args = [printer.text(a) for a in node.args]
            lines.append(f"{_IN_PLACE[node.target].format(*args)};  {node.name} = {args[0]}{end}")
        else:
            kind = "" if node.type is None else f" : {printer.annotation(node.type)}"
            lines.append(f"{node.name}{kind} = {printer.call(node)}{end}")
    marks = "\n".join(f'torch.fx._symbolic_trace.wrap("{name}")' for name in printer.wrapped)
    lines = [f"{line}\n" for line in lines or ["pass"]]
    if codegen._body_transformer is not None:
        lines = codegen._body_transformer(lines)
    body = "\n    ".join("".join(lines).splitlines())
    source = f"\n{marks}\n\n{codegen.gen_fn_def(parameters, returned)}\n    {body}\n    "
    return PythonCode(source, printer.globals)
