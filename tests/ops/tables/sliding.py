"""What slides over images: convolution, pooling, padding, folding, interpolation, sampling.

Batch, channels and extents differ from each other where they can. Sweeps of settings are in ``tests/nn/test_conv.py`` and its
neighbours.
"""

from tests.ops.rows import at, call, error, pos, row, x

FLOATS = ("float32", "float64")
COMPLEX = ("float32", "float64", "int64", "complex128")
F = "nn.functional."


def functions(names):
    return " ".join(F + name for name in names.split())


CONVOLUTION = [
    row(functions("conv1d"), call(x(2, 4, 7), x(6, 4, 3)), call(x(2, 4, 7), x(6, 2, 3), x(6), 2, 1, 2, 2), call(x(4, 7), x(6, 4, 3), padding="same"),
        call(x(2, 4, 7), x(4, 1, 3), x(4), groups=4), call(x(2, 4, 7), x(6, 4, 2), padding="same", dilation=3), call(x(2, 4, 7), x(6, 4, 1), x(6)),
        error(RuntimeError, x(2, 4, 7), x(6, 3, 3)), error(RuntimeError, x(2, 4, 7), x(6, 4, 8)), error(RuntimeError, x(2, 4, 7), x(6, 4, 3), stride=0),
        error(RuntimeError, x(2, 4, 7), x(6, 4, 3), padding=-1), error(RuntimeError, x(2, 4, 7), x(6, 4, 3), padding="same", stride=2),
        error(RuntimeError, x(2, 4, 7), x(6, 4, 3), padding="some"), error(RuntimeError, x(2, 4, 7), x(6, 4, 3), x(5)),
        error(RuntimeError, x(7), x(6, 4, 3)), error(RuntimeError, x(2, 4, 7), x(5, 2, 3), groups=2), error(RuntimeError, x(2, 4, 7), x(6, 4, 3), groups=0),
        error(RuntimeError, x(2, 4, 7), x(6, 4, 3), dilation=0), error(RuntimeError, x(2, 4, 7), x(6, 4, 3), stride=(1, 2)),
        dtypes=COMPLEX, without=("special", "0-d", "empty")),
    row(functions("conv2d"), call(x(2, 4, 5, 7), x(6, 4, 3, 3)), call(x(2, 4, 5, 7), x(6, 2, 3, 3), x(6), (2, 1), (1, 0), (1, 2), 2),
        call(x(4, 5, 7), x(6, 4, 1, 1), x(6)), call(x(2, 4, 5, 7), x(8, 1, 3, 3), x(8), padding=1, groups=4), call(x(2, 4, 5, 7), x(6, 4, 3, 3), padding="valid"),
        error(RuntimeError, x(2, 3, 5, 7), x(6, 4, 3, 3)), error(RuntimeError, x(2, 4, 5), x(6, 4, 3)), dtypes=COMPLEX, without=("special", "0-d", "empty")),
    row(functions("conv3d"), call(x(2, 4, 5, 3, 7), x(6, 4, 2, 3, 2)), call(x(2, 4, 5, 3, 7), x(6, 2, 2, 3, 2), x(6), (2, 1, 3), 1, (1, 1, 2), 2),
        error(RuntimeError, x(2, 4, 5, 7), x(6, 4, 3, 3)), dtypes=("float32", "float64", "complex128"), without=("special", "0-d", "empty")),
    row(functions("conv_transpose1d"), call(x(2, 4, 5), x(4, 6, 3)), call(x(2, 4, 5), x(4, 3, 3), x(6), 2, 1, 1, 2, 3), call(x(4, 5), x(4, 6, 3)),
        error(RuntimeError, x(2, 3, 5), x(4, 6, 3)), error(RuntimeError, x(2, 4, 5), x(4, 6, 3), output_padding=1),
        error(RuntimeError, x(2, 4, 5), x(4, 6, 3), padding=4), error(RuntimeError, x(2, 4, 5), x(4, 6, 3), x(4)), dtypes=COMPLEX, without=("special", "0-d", "empty")),
    row(functions("conv_transpose2d"), call(x(2, 4, 5, 3), x(4, 6, 3, 2)), call(x(2, 4, 5, 3), x(4, 3, 3, 2), x(6), (2, 3), (1, 0), (1, 2), 2, (1, 2)),
        dtypes=COMPLEX, without=("special", "0-d", "empty")),
    row(functions("conv_transpose3d"), call(x(2, 4, 5, 3, 2), x(4, 6, 3, 2, 2)), call(x(2, 4, 5, 3, 2), x(4, 3, 3, 2, 2), x(6), 2, 1, 1, 2),
        dtypes=("float32", "float64", "complex128"), without=("special", "0-d", "empty")),
]  # fmt: skip

POOLING = [
    row(functions("max_pool1d"), call(x(2, 3, 7), 2), call(x(3, 7), 3, 2, 1), call(x(2, 3, 7), 2, 3, dilation=2, ceil_mode=True), call(x(2, 3, 7), 2, return_indices=True),
        error(RuntimeError, x(7), 2), error(RuntimeError, x(2, 3, 7), 8), error(RuntimeError, x(2, 3, 7), 2, padding=2), error(RuntimeError, x(2, 3, 7), 0),
        error(RuntimeError, x(2, 3, 7), 2, 0), error(RuntimeError, x(2, 3, 7), (2, 2)), dtypes=FLOATS, without=("0-d",)),
    row(functions("max_pool2d"), call(x(2, 3, 5, 7), 2), call(x(3, 5, 7), (3, 2), (1, 2), (1, 0)), call(x(2, 3, 5, 7), 2, 2, ceil_mode=True, return_indices=True),
        call(x(2, 3, 5, 7), 3, 1, 1, (1, 2), return_indices=True), error(RuntimeError, x(2, 3, 5, 7), 2, padding=2), error(RuntimeError, x(5, 7), 2),
        dtypes=(*FLOATS, "int64", "uint8"), without=("0-d",)),
    row(functions("max_pool3d"), call(x(2, 3, 5, 4, 6), 2), call(x(3, 5, 4, 6), (3, 2, 1), (1, 2, 3), (1, 0, 0), return_indices=True), dtypes=(*FLOATS, "int64"), without=("0-d",)),
    row(functions("max_pool1d_with_indices"), call(x(2, 3, 7), 2), dtypes=FLOATS, without=("0-d",)),
    row(functions("max_pool2d_with_indices"), call(x(2, 3, 5, 7), 2, 1, 1), dtypes=FLOATS, without=("0-d",)),
    row(functions("max_pool3d_with_indices"), call(x(2, 3, 5, 4, 6), 2), dtypes=FLOATS, without=("0-d",)),
    row(functions("avg_pool1d"), call(x(2, 3, 7), 2), call(x(3, 7), 3, 2, 1), call(x(2, 3, 7), 3, 2, 1, True, False), error(RuntimeError, x(2, 3, 7), 2, padding=2), dtypes=FLOATS, without=("0-d", "special")),
    row(functions("avg_pool2d"), call(x(2, 3, 5, 7), 2), call(x(3, 5, 7), (3, 2), (1, 2), (1, 0)), call(x(2, 3, 5, 7), 3, 2, 1, True, False),
        call(x(2, 3, 5, 7), 3, 2, 1, True), call(x(2, 3, 5, 7), 2, divisor_override=3), error(RuntimeError, x(2, 3, 5, 7), 2, divisor_override=0),
        error(RuntimeError, x(2, 3, 5, 7), 2, padding=2), dtypes=(*FLOATS, "int64"), without=("0-d", "special")),
    row(functions("avg_pool3d"), call(x(2, 3, 5, 4, 6), 2), call(x(3, 5, 4, 6), (3, 2, 1), (1, 2, 3), (1, 0, 0), True, False), dtypes=FLOATS, without=("0-d", "special")),
    row(functions("lp_pool1d"), call(pos(2, 3, 7), 2.0, 2), call(pos(3, 7), 3.0, 3, 2, True), dtypes=("float32", "float64"), without=("special", "0-d")),
    row(functions("lp_pool2d"), call(pos(2, 3, 5, 7), 2.0, 2), call(pos(3, 5, 7), 3.0, (3, 2), 2, True), dtypes=("float32", "float64"), without=("special", "0-d")),
    row(functions("lp_pool3d"), call(pos(2, 3, 5, 4, 6), 2.0, 2), dtypes=("float32", "float64"), without=("special", "0-d")),
    row(functions("adaptive_avg_pool1d"), call(x(2, 3, 7), 3), call(x(3, 8), 4), call(x(2, 3, 7), 1), call(x(3, 5), 9), error(RuntimeError, x(7), 2), dtypes=FLOATS, without=("0-d", "empty", "special")),
    row(functions("adaptive_avg_pool2d"), call(x(2, 3, 5, 7), (2, 3)), call(x(3, 5, 7), (None, 1)), call(x(2, 3, 6, 8), (3, 4)), call(x(2, 3, 5, 7), 1),
        error(RuntimeError, x(2, 3, 5, 7), (-1, 2)), dtypes=FLOATS, without=("0-d", "empty", "special")),
    row(functions("adaptive_avg_pool3d"), call(x(2, 3, 5, 4, 6), (2, 3, 6)), call(x(3, 5, 4, 6), 1), dtypes=FLOATS, without=("0-d", "empty", "special")),
    row(functions("adaptive_max_pool1d"), call(x(2, 3, 7), 3), call(x(3, 8), 4, return_indices=True), call(x(3, 5), 9), dtypes=FLOATS, without=("0-d", "empty")),
    row(functions("adaptive_max_pool2d"), call(x(2, 3, 5, 7), (2, 3), return_indices=True), call(x(3, 5, 7), (None, 1)), call(x(2, 3, 5, 7), 1, return_indices=True), dtypes=FLOATS, without=("0-d", "empty")),
    row(functions("adaptive_max_pool3d"), call(x(2, 3, 5, 4, 6), (2, 3, 6), return_indices=True), dtypes=FLOATS, without=("0-d", "empty")),
    row(functions("adaptive_max_pool1d_with_indices"), call(x(2, 3, 7), 3), dtypes=FLOATS, without=("0-d", "empty")),
    row(functions("adaptive_max_pool2d_with_indices"), call(x(2, 3, 5, 7), 3), dtypes=FLOATS, without=("0-d", "empty")),
    row(functions("adaptive_max_pool3d_with_indices"), call(x(2, 3, 5, 4, 6), 3), dtypes=FLOATS, without=("0-d", "empty")),
    row(functions("max_unpool1d"), call(x(2, 3, 4), at(2, 3, 4, below=8, dim=2), 2), call(x(3, 4), at(3, 4, below=9, dim=1), 2, output_size=(9,)),
        error(ValueError, x(2, 3, 4), at(2, 3, 4, below=8, dim=2), 2, output_size=(12,)), error(RuntimeError, x(2, 3, 4), at(2, 3, 5, below=8, dim=2), 2),
        dtypes=("float32", "float64"), without=("0-d", "empty")),
    row(functions("max_unpool2d"), call(x(2, 3, 1, 4), at(2, 3, 1, 4, below=8, dim=3), 2),
        dtypes=("float32", "float64"), without=("0-d", "empty")),
    row(functions("max_unpool3d"), call(x(2, 3, 1, 1, 4), at(2, 3, 1, 1, 4, below=8, dim=4), 2), dtypes=("float32", "float64"), without=("0-d", "empty")),
]  # fmt: skip

PADDING = [
    row(functions("pad"), call(x(2, 3, 4), (1, 2)), call(x(2, 3, 4), (1, 0, -1, 2)), call(x(2, 3, 4), (-1, -2, 0, 0, 3, 1), value=1.0), call(x(2, 3, 4), (1, 2), "reflect"),
        call(x(2, 3, 4, 5), (3, 2, 1, -1), "reflect"), call(x(2, 3, 4), (1, 5), "replicate"), call(x(2, 3, 4, 5), (3, -2, 1, 4), mode="replicate"),
        call(x(2, 3, 4, 5, 6), (1, 0, 2, 1, 0, 3), mode="replicate"), call(x(2, 3, 4), (3, -1), "circular"), call(x(2, 3, 4, 5), (1, 2, 0, 3), mode="circular"),
        error(RuntimeError, x(2, 3), (1,)), error(RuntimeError, x(2, 3), (1, 1, 1, 1, 1, 1)), error(RuntimeError, x(2, 3, 4), (4, 0), "reflect"), error(RuntimeError, x(2, 3, 4), (5, 0), "circular"),
        error(RuntimeError, x(2, 3, 4), (1, 1), "mirror"), error(RuntimeError, x(4), (1, 1), "reflect"), error(TypeError, x(2, 3), (1.5, 1)), error(RuntimeError, x(2, 3, 4), (-5, 0)),
        error(RuntimeError, x(2, 3, 4), (1, 1), "reflect", 2.0), dtypes=("float32", "float64", "int64", "complex128"), without=("0-d",)),
    row("constant_pad_nd", call(x(2, 3), (1, 2)), call(x(2, 3), (-1, 2, 0, 1), 2), dtypes=("float32", "float64", "int64", "bool"), without=("0-d",)),
]  # fmt: skip

FOLDING = [
    row(functions("unfold"), call(x(2, 3, 5, 7), 2), call(x(3, 5, 7), (3, 2), 2, (1, 0), (1, 3)), error(RuntimeError, x(2, 3, 5, 7), 8),
        error(RuntimeError, x(2, 3, 5, 7), 2, stride=0), dtypes=("float32", "float64", "complex128"), without=("0-d",)),
    row(functions("fold"), call(x(2, 12, 24), (5, 7), 2), call(x(12, 4), (6, 5), (3, 2), 2, (1, 0), 2), error(RuntimeError, x(2, 11, 24), (5, 7), 2), error(RuntimeError, x(2, 12, 23), (5, 7), 2),
        dtypes=("float32", "float64", "complex128"), without=("0-d",)),
    row(functions("pixel_shuffle"), call(x(2, 12, 3, 5), 2), call(x(9, 2, 5), 3), error(RuntimeError, x(2, 3, 5), 2), error(RuntimeError, x(4, 3, 5), 0), error(RuntimeError, x(3, 5), 1), without=("0-d",)),
    row(functions("channel_shuffle"), call(x(2, 6, 5), 2), call(x(2, 6, 5, 3), 3), error(RuntimeError, x(2, 5, 4), 2), error(RuntimeError, x(2, 4), 2), error(RuntimeError, x(2, 4, 5), 0), without=("0-d", "empty")),
]  # fmt: skip

INTERPOLATION = [
    row(functions("interpolate"), call(x(2, 3, 5), 8), call(x(2, 3, 5, 7), scale_factor=2), call(x(2, 3, 5, 7), (3, 9), mode="nearest-exact"), call(x(2, 3, 5), 8, mode="linear"),
        call(x(2, 3, 5, 7), (8, 4), mode="bilinear"), call(x(2, 3, 5, 7), scale_factor=(1.7, 0.6), mode="bilinear"), call(x(2, 3, 5, 7), (8, 4), mode="bilinear", align_corners=True),
        call(x(2, 3, 5, 7), scale_factor=1.7, mode="bicubic", recompute_scale_factor=True), call(x(2, 3, 5, 7), (8, 4), mode="bicubic", align_corners=True),
        call(x(2, 3, 5, 4, 6), (4, 8, 5), mode="trilinear"), call(x(2, 3, 8, 9), (3, 4), mode="bilinear", antialias=True),
        call(x(2, 3, 8, 9), (3, 12), mode="bicubic", antialias=True), call(x(2, 3, 8, 9), scale_factor=0.6, mode="bilinear", antialias=True, align_corners=True),
        error(ValueError, x(2, 3, 5)), error(ValueError, x(2, 3, 5), 3, 2), error(ValueError, x(2, 3, 5), (3, 2)), error(RuntimeError, x(2, 3, 5), 3, mode="bilinear"),
        error(ValueError, x(2, 3, 5), 3, align_corners=True), error(RuntimeError, x(2, 3, 5), 0), error(RuntimeError, x(3, 5), 2), error(ValueError, x(2, 3, 5, 4), 3, antialias=True),
        error(RuntimeError, x(2, 3, 5, 4), 3, mode="cubic"), error(TypeError, x(2, 3, 5), 3.0), error(ValueError, x(2, 3, 5), 3, recompute_scale_factor=True),
        dtypes=("float32", "float64"), without=("special", "0-d")),
    row(functions("interpolate"), call(x(2, 3, 5, 7), (3, 4), mode="area"), dtypes=FLOATS, without=("0-d", "empty", "special")),
    row(functions("upsample"), call(x(2, 3, 5), 8), call(x(2, 3, 5, 7), scale_factor=2, mode="bilinear"), dtypes=("float32", "float64"), without=("special", "0-d")),
    row(functions("upsample_nearest"), call(x(2, 3, 5, 7), (3, 11)), dtypes=("float32", "float64"), without=("special", "0-d")),
    row(functions("upsample_bilinear"), call(x(2, 3, 5, 7), (3, 11)), dtypes=("float32", "float64"), without=("special", "0-d")),
    row(functions("grid_sample"), *(call(x(2, 3, 5, 7), x(2, 4, 6, 2, low=-1.3, high=1.3), mode, padding, align) for mode in ("bilinear", "nearest")
        for padding in ("zeros", "border", "reflection") for align in (False, True)), call(x(2, 3, 5, 7, 4), x(2, 4, 6, 1, 3, low=-1.3, high=1.3), "bilinear", "reflection", False),
        call(x(2, 3, 5, 7, 4), x(2, 4, 6, 1, 3, low=-1.3, high=1.3), "nearest", "zeros", True),
        error(ValueError, x(2, 3, 5, 7), x(2, 4, 6, 2), "cubic"), error(ValueError, x(2, 3, 5, 7), x(2, 4, 6, 2), "nearest", "wrap"), error(RuntimeError, x(2, 3, 5, 7), x(2, 4, 6, 3), align_corners=True),
        error(RuntimeError, x(2, 3, 5, 7), x(1, 4, 6, 2), align_corners=True), dtypes=("float32", "float64"), without=("special", "tied", "0-d")),
    row(functions("grid_sample"), *(call(x(2, 3, 5, 7), x(2, 4, 6, 2, low=-1.3, high=1.3), "bicubic", padding, align) for padding in ("zeros", "border", "reflection")
        for align in (False, True)), dtypes=("float64",), without=("special", "tied", "0-d")),
    row(functions("affine_grid"), call(x(2, 2, 3), (2, 3, 4, 5), True), call(x(2, 2, 3), (2, 3, 1, 5), False), call(x(2, 3, 4), (2, 1, 4, 5, 3), False),
        error(ValueError, x(2, 3, 3), (2, 3, 4, 5), True), error(RuntimeError, x(2, 2, 3), (2, 3, 4), True), error(ValueError, x(2, 2, 3), (2, 3, 0, 5), True),
        dtypes=("float32", "float64"), without=("special", "0-d")),
]  # fmt: skip

ROWS = [*CONVOLUTION, *POOLING, *PADDING, *FOLDING, *INTERPOLATION]
