"""Every pointwise op, reduction, scan, copy and search of 4 million numbers, one by one, against PyTorch.

A row is an expression in names that both libraries have: ``L`` is the library, and the tensors are those of ``tensors``. An op of
one letter's tensor alone is also measured with its gradient.
"""

import json
import statistics
import time

SIDE = 2000
UNARY = (
    "abs neg sign sgn floor ceil round trunc frac square sqrt rsqrt reciprocal exp exp2 expm1 log log2 log10 log1p sin cos tan "
    "asin acos atan sinh cosh tanh asinh atanh sigmoid logit relu erf erfc erfinv lgamma digamma sinc deg2rad nan_to_num clone"
)  # asked of u, which lies in (0.05, 0.95)
BINARY = (
    "add sub mul div maximum minimum fmax fmin pow atan2 hypot copysign fmod remainder xlogy logaddexp floor_divide"
)
COMPARISONS = "eq ne lt le gt ge isclose logical_and logical_or logical_xor"
TESTS = "isnan isinf isfinite logical_not signbit"
PLACES = {"everything": "", "columns": "0", "rows": "1"}
REDUCTIONS = "sum mean amax amin prod norm var std argmax argmin nansum count_nonzero"
SCANS = "cumsum cumprod logcumsumexp"


def expressions():
    """(group, name, expression, whether it has a gradient to measure too)."""
    yield from (("unary", name, f"L.{name}(u)", name not in ("sgn",)) for name in UNARY.split())
    yield "unary", "acosh", "L.acosh(v)", True
    yield from (("binary", name, f"L.{name}(u, w)", name != "floor_divide") for name in BINARY.split())
    yield from (("comparison", name, f"L.{name}(u, w)", False) for name in COMPARISONS.split())
    yield from (("comparison", name, f"L.{name}(u)", False) for name in TESTS.split())
    for group, rows in TABLES.items():
        for name, (expression, has_gradient) in rows.items():
            yield group, name, expression, has_gradient
    for name in REDUCTIONS.split():
        smooth = name not in ("argmax", "argmin", "count_nonzero", "nansum")
        for place, dim in PLACES.items():
            yield "reduction", f"{name}, {place}", f"u.{name}({f'dim={dim}' if dim else ''})", smooth
    for name in ("any", "all"):
        for place, dim in PLACES.items():
            yield "reduction", f"{name}, {place}", f"{'no' if name == 'any' else 'yes'}.{name}({dim})", False
    for place, dim in list(PLACES.items())[1:]:
        for name in ("max", "median", "logsumexp", "softmax", "log_softmax"):
            yield "reduction", f"{name}, {place}", f"u.{name}({dim})", name != "median"
        for name in SCANS.split():
            yield "scan", f"{name}, {place}", f"u.{name}({dim})", True
        for name in ("cummax", "cummin"):
            yield "scan", f"{name}, {place}", f"u.{name}({dim})[0]", True


def _rows(text, has_gradient=True):
    """Lines of ``name: expression``."""
    lines = [line.strip().split(": ", 1) for line in text.strip().splitlines()]
    return {name: (expression, has_gradient) for name, expression in lines}


TABLES = {
    "compound": _rows("""
        add, alpha: L.add(u, w, alpha=2)
        add a number: u + 1.5
        subtract from a number: 1.5 - u
        multiply by a number: u * 2.5
        divide a number: 1.0 / u
        clamp: u.clamp(0.2, 0.8)
        clamp from below: u.clamp(min=0.2)
        pow 2: u**2
        pow 3: u**3
        pow of a number: 2.0**u
        pow 1.7: u**1.7
        maximum of a number: L.maximum(u, half)
        addcmul: L.addcmul(u, w, v, value=0.5)
        addcdiv: L.addcdiv(u, w, v, value=0.5)
        lerp: L.lerp(u, w, 0.3)
        lerp by a tensor: L.lerp(u, w, v)
        where: L.where(mask, u, w)
        where, a number: L.where(mask, u, 0.0)
        masked_fill: u.masked_fill(mask, 0.0)
        add a row: u + row
        multiply by a row: u * row
        add a column: u + column
        multiply by a column: u * column
        row + column: row + column
        row * column: row * column
        outer: L.outer(row.reshape(-1), column.reshape(-1))
        add, transposed: u.t() + w.t()
        add, one transposed: u + w.t()
        exp, transposed: u.t().exp()
        every second column: u[:, ::2] * 2.0
        every second column, exp: u[:, ::2].exp()
        fmod by a number: L.fmod(u, 0.3)
        remainder by a number: L.remainder(u, 0.3)
        gelu: F.gelu(u)
        silu: F.silu(u)
        softplus: F.softplus(u)
        leaky_relu: F.leaky_relu(u)
        elu: F.elu(u)
        mse_loss: F.mse_loss(u, w)
        l1_loss: F.l1_loss(u, w)
        smooth_l1_loss: F.smooth_l1_loss(u, w)
        binary_cross_entropy: F.binary_cross_entropy(u, w)
        bce with logits: F.binary_cross_entropy_with_logits(u, w)
    """),
    "in place": _rows("""
        add_ a number: z.add_(1e-9)
        add_: z.add_(w)
        sub_: z.sub_(w)
        mul_: z.mul_(ones)
        mul_ by a number: z.mul_(1.0)
        div_: z.div_(ones)
        add_, alpha: z.add_(w, alpha=1e-9)
        addcmul_: z.addcmul_(u, w, value=1e-9)
        clamp_: z.clamp_(0.1, 0.9)
        relu_: z.relu_()
        zero_: z.zero_()
        fill_: z.fill_(0.5)
        copy_: z.copy_(u)
        sqrt_: z.abs_().sqrt_()
        masked_fill_: z.masked_fill_(mask, 0.5)
        +=: operator.iadd(z, w)
    """, False),
    "int64": _rows("""
        add: i + j
        add a number: i + 1
        mul: i * j
        neg: -i
        abs: i.abs()
        floor_divide: i // 7
        remainder: i % 7
        bitwise_and: i & j
        bitwise_or: i | 3
        bitwise_xor: i ^ j
        bitwise_not: ~i
        shift: i << 2
        equal: i == j
        less than a number: i < 1000
        maximum: L.maximum(i, j)
        clamp: i.clamp(3, 1000)
        sum: i.sum()
        sum of columns: i.sum(0)
        max: i.max()
        amax of rows: i.amax(1)
        argmax of rows: i.argmax(1)
        cumsum of rows: i.cumsum(1)
        sort of rows: i.sort(1)[0]
        bincount: L.bincount(i.reshape(-1))
        unique: L.unique(i)
        any: (i < 0).any()
        where: L.where(mask, i, j)
    """, False),
    "bool": _rows("""
        and: mask & yes
        or: mask | no
        xor: mask ^ yes
        not: ~mask
        sum: mask.sum()
        sum of rows: mask.sum(1)
        sum of columns: mask.sum(0)
        mean of floats: mask.float().mean()
    """, False),
    "float64": _rows("""
        add: d + e
        mul: d * e
        add a number: d + 1.5
        exp: d.exp()
        tanh: d.tanh()
        sin: d.sin()
        sqrt: d.sqrt()
        maximum: L.maximum(d, e)
        clamp: d.clamp(0.2, 0.8)
        sum: d.sum()
        sum of rows: d.sum(1)
        amax of columns: d.amax(0)
        cumsum of rows: d.cumsum(1)
        softmax: d.softmax(1)
    """, False),
    "cast": _rows("""
        float to double: u.double()
        double to float: d.float()
        float to int64: u.long()
        int64 to float: i.float()
        float to bool: u.bool()
        bool to float: mask.float()
        float to half: u.half()
        half to float: h.float()
        float to bfloat16: u.bfloat16()
        int64 to int32: i.int()
        int64 to double: i.double()
    """, False),
    "copy": _rows("""
        contiguous transpose: u.t().contiguous()
        permute of 4: u.reshape(20, 100, 20, 100).permute(0, 2, 1, 3).contiguous()
        NCHW to NHWC: u.reshape(20, 100, 20, 100).permute(0, 2, 3, 1).contiguous()
        every second column: u[:, ::2].contiguous()
        flip columns: u.flip(1)
        flip rows: u.flip(0)
        flip both: u.flip(0, 1)
        roll rows: u.roll(3, 0)
        roll columns: u.roll(3, 1)
        rot90: L.rot90(u)
        cat rows: L.cat([u, w])
        cat columns: L.cat([u, w], 1)
        stack: L.stack([u, w])
        stack last: L.stack([u, w], -1)
        repeat: row.repeat(2000, 1)
        repeat columns: u[:500].repeat(2, 2)
        repeat_interleave: u[:1000].repeat_interleave(2, 0)
        tile: L.tile(u[:1000], (2, 1))
        expand and copy: row.expand(2000, 2000).contiguous()
        pad: F.pad(u, (3, 3, 3, 3))
        pad, reflect: F.pad(u[None], (3, 3, 3, 3), mode="reflect")
        tril: u.tril()
        triu: u.triu()
        diff: L.diff(u)
        diff of rows: L.diff(u, dim=0)
        unfold: u.unfold(1, 100, 50).contiguous()
        chunk and cat: L.cat(u.chunk(4, 1), 1)
        diagonal: u.diagonal().clone()
    """),
    "index": _rows("""
        gather, rows: u.gather(1, ri)
        gather, columns: u.gather(0, ri)
        index_select, rows: u.index_select(0, perm)
        index_select, columns: u.index_select(1, perm)
        u[perm]: u[perm]
        u[:, perm]: u[:, perm]
        take_along_dim: L.take_along_dim(u, ri, 1)
        scatter_add, rows: ones.scatter_add(1, ri, u)
        scatter_add, columns: ones.scatter_add(0, ri, u)
        scatter, rows: ones.scatter(1, ri, u)
        index_add: ones.index_add(0, perm, u)
        index_copy: ones.index_copy(0, perm, u)
        masked_select: u[mask]
        index by two tensors: u[pi, pj]
    """),
    "index, no gradient": _rows("""
        embedding rows: F.embedding(perm, u)
        take: L.take(u, flat)
        nonzero: mask.nonzero()
        index_put_: z.index_put_((pi, pj), quarter)
        index_put_, accumulate: z.index_put_((pi, pj), quarter, accumulate=True)
        masked_scatter: u.masked_scatter(mask, w)
        searchsorted: L.searchsorted(line, u)
        bucketize: L.bucketize(u, line)
        one_hot: F.one_hot(perm, 2000)
    """, False),
    "sort": _rows("""
        sort of rows: u.sort(1)[0]
        sort of columns: u.sort(0)[0]
        sort of all: u.reshape(-1).sort()[0]
        topk 10 of rows: u.topk(10, 1)[0]
        topk 500 of rows: u.topk(500, 1)[0]
        topk 10 of columns: u.topk(10, 0)[0]
        topk 10 of all: u.reshape(-1).topk(10)[0]
        kthvalue of rows: u.kthvalue(7, 1)[0]
        median of all: u.median()
    """),
    "sort, no gradient": _rows("""
        argsort of rows: u.argsort(1)
        argsort of columns: u.argsort(0)
        argsort of all: u.reshape(-1).argsort()
        stable sort of rows: L.sort(u, dim=1, stable=True)[0]
        sort of short rows: u.reshape(-1, 10).sort(1)[0]
        topk 2 of short rows: u.reshape(-1, 10).topk(2, 1)[0]
        unique: L.unique(L.round(u * 1000))
        mode: L.round(u[:200] * 10).mode(1)[0]
        quantile: u[:, :500].quantile(0.3, 1)
        histc: u.histc(100)
        isin: L.isin(i, perm)
    """, False),
    "random": _rows("""
        rand: L.rand(2000, 2000)
        randn: L.randn(2000, 2000)
        randint: L.randint(0, 1000, (2000, 2000))
        randperm: L.randperm(4000000)
        bernoulli: L.bernoulli(u)
        normal_: z.normal_()
        uniform_: z.uniform_()
        exponential_: z.exponential_()
        multinomial: L.multinomial(u, 5)
        zeros: L.zeros(2000, 2000)
        ones: L.ones(2000, 2000)
        full: L.full((2000, 2000), 0.5)
        arange: L.arange(4000000)
        arange of floats: L.arange(0.0, 4000000.0)
        linspace: L.linspace(0, 1, 4000000)
        eye: L.eye(2000)
        zeros_like: L.zeros_like(u)
        empty_like and fill: L.full_like(u, 0.5)
    """, False),
    "rows": _rows("""
        softmax 2048 x 512: rows.softmax(-1)
        log_softmax 2048 x 512: rows.log_softmax(-1)
        layer norm 2048 x 512: norm(rows)
        rms norm 2048 x 512: F.rms_norm(rows, (512,))
        dropout: F.dropout(rows, 0.1)
        cross entropy 2048 x 512: F.cross_entropy(rows, labels)
        normalize: F.normalize(rows, dim=-1)
        cosine similarity: F.cosine_similarity(rows, rows * 0.5)
        cdist 1000 x 64: L.cdist(rows[:1000, :64], rows[1000:2000, :64])
        cumsum: rows.cumsum(-1)
        glu: F.glu(rows)
        batch norm: F.batch_norm(rows, None, None, training=True)
    """),
}  # fmt: skip


def tensors(library):
    """The names that expressions use."""
    import operator

    import numpy as np

    rng = np.random.default_rng(0)

    def floats(*shape):
        return library.from_numpy(rng.random(shape, np.float32) * np.float32(0.9) + np.float32(0.05))

    def ints(high, *shape):
        return library.from_numpy(rng.integers(0, high, shape))

    u, w = floats(SIDE, SIDE), floats(SIDE, SIDE)
    i = ints(5000, SIDE, SIDE)
    return {
        "L": library, "F": library.nn.functional, "operator": operator, "norm": library.nn.LayerNorm(512),
        "u": u, "w": w, "v": u + 1, "z": w * 1, "ones": u * 0 + 1, "half": library.tensor(0.5),
        "row": floats(1, SIDE), "column": floats(SIDE, 1), "mask": u > 0.5, "yes": u > 0, "no": u > 2,
        "i": i, "j": ints(5000, SIDE, SIDE), "d": u.double(), "e": w.double(), "h": u.half(),
        "ri": ints(SIDE, SIDE, SIDE), "perm": library.from_numpy(rng.permutation(SIDE)), "flat": ints(SIDE * SIDE, SIDE, SIDE),
        "pi": ints(SIDE, 1_000_000), "pj": ints(SIDE, 1_000_000), "quarter": floats(1_000_000), "line": floats(1000).sort()[0],
        "rows": library.from_numpy(rng.standard_normal((2048, 512), np.float32)), "labels": ints(512, 2048),
    }  # fmt: skip


def step_of(code, names, with_gradient):
    """A function that does the op once, forward only or with its gradient."""
    if not with_gradient:
        return lambda: eval(code, names)
    leaf = next(n for n in ("u", "v", "rows", "row") if n in code.co_names)
    return _with_gradient(code, names, leaf)


def _with_gradient(code, names, leaf):
    own, gradient = {**names, leaf: names[leaf].detach().clone().requires_grad_()}, []

    def step():
        y = eval(code, own)
        if not gradient:
            gradient.append(y.detach() * 0 + 1)
        y.backward(gradient[0])
        x = own[leaf]
        result, x.grad = x.grad, None
        return result

    return step


def serve(name):
    """Answer requests on standard input, a line of JSON each: the median time of one op in milliseconds."""
    import sys
    import warnings

    warnings.simplefilter("ignore")
    names = tensors(__import__(name))
    for line in sys.stdin:
        asked_for = json.loads(line)
        step, times = step_of(compile(asked_for["code"], "op", "eval"), names, asked_for["with_gradient"]), []
        asked = time.perf_counter()
        try:
            while len(times) < 3 or time.perf_counter() - asked < 0.1:
                started = time.perf_counter()
                step()
                if started - asked > 0.03:  # before that the other library's threads may still be spinning
                    times.append((time.perf_counter() - started) * 1e3)
            answer = {"ms": statistics.median(times)}
        except Exception as error:  # the table says so, and goes on
            answer = {"ms": float("nan"), "error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)


def run(options):
    """Measure by turns and print the table, the slowest last or in the order of the groups."""
    from benchmarks.sides import LIBRARIES, Side

    cases = {
        f"{group}: {name}{', with gradient' * twice}": {"code": code, "with_gradient": twice}
        for group, name, code, has_gradient in expressions()
        for twice in range(1 + has_gradient)
    }
    sides = {library: Side(library, __name__) for library in LIBRARIES}
    print("| op | PyTorch ms | metagrad ms | times PyTorch's speed |\n| --- | --- | --- | --- |")
    ratios = {}
    for op in (name for name in cases if any(part in name for part in options.only)):
        times = {library: [] for library in LIBRARIES}
        for turn in range(options.repeats + 1):
            for library, side in sides.items():
                answer = side.ask(**cases[op])
                if turn:  # in the first one loops are compiled
                    times[library].append(answer["ms"])
                if "error" in answer and not turn:
                    print(f"| {op} | {library}: {answer['error']} |", flush=True)
        theirs, ours = (statistics.median(times[library]) for library in LIBRARIES)
        ratios[op] = theirs / ours
        print(f"| {op} | {theirs:.2f} | {ours:.2f} | {theirs / ours:.2f} |", flush=True)
    slow = sorted((ratio, op) for op, ratio in ratios.items() if ratio < options.below)
    print(f"\nmedian {statistics.median(ratios.values()):.2f}; {len(slow)} of {len(ratios)} below {options.below}:")
    print("\n".join(f"{ratio:.2f}  {op}" for ratio, op in slow))
    for side in sides.values():
        side.close()


def add_to(parser):
    """The options of ``python -m benchmarks every``."""
    parser.set_defaults(run=run)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--below", type=float, default=0.9, help="list what is slower than this at the end")
    parser.add_argument("--only", nargs="*", default=[""], help="ops in whose name, group: op, one of these is")
