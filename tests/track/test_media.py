from __future__ import annotations

import io
import itertools
import json
import math
import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoresearch.errors import Invalid
from autoresearch.track.media import Encoded, File, Histogram, Image, Media, Table

PNG = b"\x89PNG\r\n\x1a\n" + b"rest"


class Tensor:
    """Looks like a tensor of torch on a GPU: no array before detach() and cpu()."""

    def __init__(self, array: npt.NDArray[Any], dtype: str = "torch.float32", *, here: bool = False) -> None:
        self.array, self.dtype, self.here = array, dtype, here

    def detach(self) -> Tensor:
        return self

    def cpu(self) -> Tensor:
        return Tensor(self.array, self.dtype, here=True)

    def float(self) -> Tensor:
        return Tensor(self.array, here=self.here)

    def __array__(self, dtype: Any = None, copy: Any = None) -> npt.NDArray[Any]:
        if not self.here or self.dtype == "torch.bfloat16":
            raise TypeError("not on this device")
        return self.array


def _decoded(png: bytes) -> npt.NDArray[np.uint8]:
    """A reader of PNG of its own: checks every checksum, undoes filters 0 and 2."""
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    chunks, at = {}, 8
    while at < len(png):
        (size,) = struct.unpack_from(">I", png, at)
        name, body = png[at + 4 : at + 8], png[at + 8 : at + 8 + size]
        assert struct.unpack_from(">I", png, at + 8 + size) == (zlib.crc32(name + body),)
        chunks[name] = body
        at += 12 + size
    assert list(chunks) == [b"IHDR", b"IDAT", b"IEND"]
    width, height, depth, colour, *rest = struct.unpack(">IIBBBBB", chunks[b"IHDR"])
    assert (depth, rest) == (8, [0, 0, 0])
    channels = {0: 1, 2: 3, 6: 4}[colour]
    lines = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8).reshape(height, 1 + width * channels)
    above = np.zeros(width * channels, np.uint8)
    rows = []
    for line in lines:
        above = line[1:] + (above if line[0] == 2 else np.uint8(0))
        rows.append(above)
    return np.array(rows, np.uint8).reshape(height, width, channels)


def _image(data: Any) -> npt.NDArray[np.uint8]:
    encoded = Image(data).encode()
    assert (encoded.kind, encoded.media_type) == ("image", "image/png")
    assert isinstance(encoded.data, bytes)
    assert encoded.meta["size"] == len(encoded.data)
    return _decoded(encoded.data)


def _content(encoded: Encoded) -> Any:
    assert encoded.media_type == "application/json"
    assert isinstance(encoded.data, bytes)
    assert encoded.meta["size"] == len(encoded.data)

    def refuse(name: str) -> None:
        raise AssertionError(name)

    return json.loads(encoded.data, parse_constant=refuse)


@given(st.integers(1, 9), st.integers(1, 9), st.sampled_from([1, 3, 4]), st.integers(0, 2**32 - 1))
def test_an_array_of_bytes_comes_back_pixel_by_pixel(
    height: int, width: int, channels: int, seed: int
) -> None:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, channels), dtype=np.uint8)
    assert np.array_equal(_image(pixels), pixels)
    assert np.array_equal(_image(pixels[::-1, ::-1]), pixels[::-1, ::-1])


def test_grey_levels_floats_integers_and_masks_are_understood() -> None:
    grey = np.arange(256, dtype=np.uint8).reshape(16, 16)
    assert np.array_equal(_image(grey)[:, :, 0], grey)
    for kind in (np.float16, np.float32, np.float64):
        assert np.array_equal(_image((grey / 255).astype(kind))[:, :, 0], grey)
    assert np.array_equal(_image(grey.astype(np.int64))[:, :, 0], grey)
    assert np.array_equal(_image(grey > 99)[:, :, 0], np.where(grey > 99, 255, 0))
    assert _image(np.array([[-0.005, 1.005]])).ravel().tolist() == [0, 255]


def test_pixels_that_are_no_numbers_become_black_and_are_counted() -> None:
    encoded = Image(np.array([[np.nan, np.inf, -np.inf, 1.0]]), caption="a\x00b").encode()
    assert isinstance(encoded.data, bytes)
    assert _decoded(encoded.data).ravel().tolist() == [0, 0, 0, 255]
    size = len(encoded.data)
    expected = {"caption": "ab", "width": 4, "height": 1, "channels": 1, "nonfinite": 3, "size": size}
    assert encoded.meta == expected


def test_an_image_is_what_the_array_was_when_it_was_encoded() -> None:
    pixels = np.zeros((2, 2), np.uint8)
    encoded = Image(pixels).encode()
    pixels[:] = 255
    assert isinstance(encoded.data, bytes)
    assert not _decoded(encoded.data).any()


def test_a_tensor_has_its_channels_first_and_an_array_has_them_last() -> None:
    first = np.random.default_rng(0).integers(0, 256, (3, 5, 7), dtype=np.uint8)
    last = np.moveaxis(first, 0, -1)
    assert np.array_equal(_image(Tensor(first)), last)
    assert np.array_equal(_image(Tensor(last)), last)
    assert np.array_equal(_image(Tensor(np.full((1, 2, 2), 0.5), "torch.bfloat16")), np.full((2, 2, 1), 128))
    with pytest.raises(Invalid) as refused:
        Image(first).encode()
    assert "moveaxis" in refused.value.hint


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (np.zeros((2, 2, 2)), "2×2×2"),
        (np.zeros(5), "An array of 5 values"),
        (np.float64(1.0), "An array of no values"),
        (np.zeros((0, 4)), "empty"),
        (np.broadcast_to(np.uint8(0), (2**14, 2**13)), "too large"),
        (np.array([[-1.0, 1.0]]), "from -1 to 1"),
        (np.array([[0, 256]]), "from 0 to 256"),
        (np.zeros((2, 2), complex), "complex128"),
        (np.array([["a"]]), "<U1"),
        (np.array([[object()]]), "object"),
        (b"", "not an image"),
        (b"<svg/>", "not an image"),
        (b"\x89PNG\r\n\x1a\n" + b"x" * 2**26, "too large"),
        ("gone.png", "No such file"),
        ("a\x00b", "embedded null"),
        (5, "int is not understood"),
        (None, "NoneType is not understood"),
        ([[0, 1]], "list is not understood"),
    ],
)
def test_what_is_no_image_is_refused_with_a_hint(data: Any, said: str) -> None:
    with pytest.raises(Invalid) as refused:
        Image(data).encode()
    assert said in refused.value.message
    assert refused.value.hint


@pytest.mark.parametrize(
    ("content", "media_type"),
    [
        (PNG, "image/png"),
        (b"\xff\xd8\xff\xe0 jpeg", "image/jpeg"),
        (b"GIF89a gif", "image/gif"),
        (b"RIFF\x10\x00\x00\x00WEBPVP8 ", "image/webp"),
    ],
)
def test_an_image_file_is_kept_as_it_is(content: bytes, media_type: str, tmp_path: Path) -> None:
    (tmp_path / "plot.dat").write_bytes(content)
    for given_as in (content, bytearray(content), tmp_path / "plot.dat", str(tmp_path / "plot.dat")):
        encoded = Image(given_as).encode()
        assert (encoded.data, encoded.media_type, encoded.meta["size"]) == (content, media_type, len(content))


def test_images_of_other_libraries_write_themselves() -> None:
    class Pillow:
        mode = "RGB"

        def save(self, target: io.BytesIO, **options: str) -> None:
            assert options == {"format": "PNG"}
            target.write(PNG)

    class Figure:
        def savefig(self, target: io.BytesIO, **options: str) -> None:
            assert options == {"format": "png"}
            target.write(PNG)

    class Broken(Pillow):
        def save(self, target: io.BytesIO, **options: str) -> None:
            raise RuntimeError("mode F")

    assert Image(Pillow()).encode().data == PNG
    assert Image(Figure()).encode().data == PNG
    with pytest.raises(Invalid, match="RuntimeError: mode F"):
        Image(Broken()).encode()


def test_a_file_that_is_far_too_large_is_not_read_to_its_end(tmp_path: Path) -> None:
    (tmp_path / "huge.png").write_bytes(PNG)
    os.truncate(tmp_path / "huge.png", 2**40)
    with pytest.raises(Invalid, match="more than 64 MiB"):
        Image(tmp_path / "huge.png").encode()


def test_folders_devices_and_bad_captions_are_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for media in (Image(tmp_path), File(tmp_path), File(tmp_path / "pipe"), Image("/dev/zero"), File(3)):  # type: ignore[arg-type]
        with pytest.raises(Invalid):
            media.encode()
    with pytest.raises(Invalid, match="caption is not text"):
        Image(PNG, caption=5).encode()  # type: ignore[arg-type]
    with pytest.raises(Invalid, match="2,001 characters"):
        Image(PNG, caption="x" * 2001).encode()


def test_a_table_keeps_every_kind_of_cell() -> None:
    rows = [
        [None, True, 2**60, 0.5, "ç\x00\udc80"],
        (np.float32(0.5), np.bool_(True), np.int64(3), np.nan, np.str_("s")),
        [math.inf, -math.inf, Path("a"), np.array(7), [1, 2]],
    ]
    encoded = Table(["a", "b", "c", "d", "e"], rows).encode()
    assert _content(encoded) == {
        "columns": ["a", "b", "c", "d", "e"],
        "rows": [
            [None, True, 2**60, 0.5, "ç?"],
            [0.5, True, 3, "NaN", "s"],
            ["Infinity", "-Infinity", "a", 7, "[1, 2]"],
        ],
    }
    assert (encoded.kind, encoded.meta["rows"], encoded.meta["columns"]) == ("table", 3, 5)
    assert _content(Table(["only"], []).encode()) == {"columns": ["only"], "rows": []}


@pytest.mark.parametrize(
    ("columns", "rows", "said"),
    [
        ("ab", [], "not a list of names"),
        ([], [], "0 columns"),
        (["a", "a"], [], "two of one name"),
        ([1], [], "not text but int"),
        (["a"], [[1, 2]], "Row 0"),
        (["a", "b"], [[1, 2], "ab"], "Row 1"),
        (["a", "b"], [{"a": 1, "b": 2}], "Row 0"),
        (["a"], [5], "TypeError"),
        (["a"], 5, "TypeError"),
        (["a"], ([n] for n in range(100_001)), "too large"),
        (["a"], (["x" * 2**20] for _ in range(40)), "too large"),
        (["a"], [[10**5000]], "ValueError"),
    ],
)
def test_what_is_no_table_is_refused_with_a_hint(columns: Any, rows: Any, said: str) -> None:
    with pytest.raises(Invalid) as refused:
        Table(columns, rows).encode()
    assert said in refused.value.message
    assert refused.value.hint


def test_a_histogram_counts_what_is_finite_and_what_is_not() -> None:
    values = [0.0, 1.0, 1.0, 3.0, 4.0, math.nan, math.inf, math.inf, -math.inf]
    expected = {"edges": [0.0, 2.0, 4.0], "counts": [3, 2], "nan": 1, "inf": 2, "-inf": 1}
    array = np.array(values).reshape(3, 3)
    for given_as in (values, tuple(values), array, Tensor(array)):
        encoded = Histogram(given_as, bins=2).encode()
        assert _content(encoded) == expected
        assert encoded.meta["count"] == 5
        assert (encoded.meta["nonfinite"], encoded.meta["min"], encoded.meta["max"]) == (4, 0.0, 4.0)


def test_a_histogram_without_a_finite_value_has_no_bins() -> None:
    for nothing in ([], np.array([]), [math.nan], np.array([np.nan])):
        content = _content(Histogram(nothing).encode())
        assert (content["edges"], content["counts"]) == ([], [])


_numbers = st.floats(allow_nan=True, allow_infinity=True)


@given(
    st.lists(_numbers | st.sampled_from([0.0, 5e-324, 1.7e308, -1.7e308, 1e300, 1e300 + 1e284]), max_size=30),
    st.integers(1, 70),
)
def test_lists_and_arrays_are_counted_alike_and_completely(values: list[float], bins: int) -> None:
    content = _content(Histogram(values, bins=bins).encode())
    assert content == _content(Histogram(np.array(values), bins=bins).encode())
    finite = [value for value in values if math.isfinite(value)]
    assert sum(content["counts"]) == len(finite)
    assert len(finite) + content["nan"] + content["inf"] + content["-inf"] == len(values)
    edges = content["edges"]
    assert all(a < b for a, b in itertools.pairwise(edges))
    if finite:
        assert edges[0] <= min(finite)
        assert edges[-1] >= max(finite)
        assert len(content["counts"]) == len(edges) - 1 <= bins


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=200, unique=True))
def test_the_counts_are_those_of_numpy_for_the_same_edges(values: list[float]) -> None:
    content = _content(Histogram(values).encode())
    assert content["counts"] == np.histogram(values, bins=content["edges"])[0].tolist()


def test_counts_and_edges_of_somebody_else_are_taken() -> None:
    counts, edges = np.histogram([1.0, 2.0, 2.0, 4.0], bins=3)
    content = _content(Histogram(counts=counts, edges=edges).encode())  # type: ignore[arg-type]
    assert (content["counts"], content["edges"]) == ([1, 2, 1], [1.0, 2.0, 3.0, 4.0])
    assert _content(Histogram(counts=[0.5], edges=[0, 1]).encode())["counts"] == [0.5]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({}, "either values"),
        ({"values": [1], "counts": [1], "edges": [0, 1]}, "either values"),
        ({"counts": [1]}, "either values"),
        ({"edges": [0, 1]}, "either values"),
        ({"counts": [1], "edges": [0]}, "do not make"),
        ({"counts": [], "edges": [0]}, "do not make"),
        ({"counts": [1, 1], "edges": [0, 2, 1]}, "do not make"),
        ({"counts": [1], "edges": [0, math.inf]}, "do not make"),
        ({"counts": [-1], "edges": [0, 1]}, "do not make"),
        ({"counts": [math.nan], "edges": [0, 1]}, "do not make"),
        ({"counts": ["x"], "edges": [0, 1]}, "not numbers"),
        ({"values": [1, None]}, "not numbers"),
        ({"values": [[1], [2]]}, "not numbers"),
        ({"values": [10**400]}, "not numbers"),
        ({"values": np.array(["a"])}, "not numbers"),
        ({"values": np.array([1j])}, "not numbers"),
        ({"values": "text"}, "str is not understood"),
        ({"values": [1], "bins": 0}, "number of bins"),
        ({"values": [1], "bins": True}, "number of bins"),
        ({"values": [1], "bins": 1025}, "number of bins"),
    ],
)
def test_what_is_no_histogram_is_refused_with_a_hint(arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(Invalid) as refused:
        Histogram(**arguments).encode()
    assert said in refused.value.message
    assert refused.value.hint


def test_a_file_is_its_path_with_what_its_name_tells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("notes.txt", "weights.tar.gz", "data.unheard-of", "data:x.html"):
        (tmp_path / name).write_text("12345")
    (tmp_path / "link").symlink_to("notes.txt")
    monkeypatch.chdir(tmp_path)
    encoded = File("notes.txt").encode()
    assert (encoded.kind, encoded.data, encoded.media_type) == (
        "file",
        str(tmp_path / "notes.txt"),
        "text/plain",
    )
    assert encoded.meta == {"name": "notes.txt", "size": 5}
    assert File(tmp_path / "weights.tar.gz").encode().media_type == "application/octet-stream"
    assert File(tmp_path / "data.unheard-of").encode().media_type == "application/octet-stream"
    assert File(tmp_path / "data:x.html").encode().media_type == "text/html"
    assert File("link", name="samples/step 1.json").encode().meta["name"] == "samples/step 1.json"


@pytest.mark.parametrize(
    "name", ["", "/etc/passwd", "../up", "a//b", "a/./b", "a\nb", "a\x1b[2J", "x" * 256, 5]
)
def test_a_name_that_leads_elsewhere_is_refused(name: Any, tmp_path: Path) -> None:
    (tmp_path / "f").touch()
    with pytest.raises(Invalid):
        File(tmp_path / "f", name=name).encode()


def test_a_file_whose_name_is_no_text_can_be_logged(tmp_path: Path) -> None:
    path = os.fsencode(tmp_path) + b"/\xff.txt"
    with open(path, "wb") as file:  # noqa: PTH123 (pathlib takes no bytes)
        file.write(b"x")
    encoded = File(os.fsdecode(path)).encode()
    assert encoded.meta["name"] == "?.txt"
    assert isinstance(encoded.data, str)
    assert Path(encoded.data).read_bytes() == b"x"


def test_everything_that_can_be_logged_has_one_base() -> None:
    assert all(issubclass(kind, Media) for kind in (Image, Table, Histogram, File))


def test_lists_and_files_are_encoded_without_loading_numpy() -> None:
    code = """
import sys
from autoresearch.track.media import File, Histogram, Image, Table
Histogram([1, 2, 3]).encode(); Table(["a"], [[1]]).encode(); File(sys.executable).encode()
Image(b"GIF89a").encode()
sys.exit("numpy" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2], check=False)
    assert done.returncode == 0
