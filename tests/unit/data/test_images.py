"""Decoding: every kind of pixels comes out as stated, the right way up, and reduced scales change little."""

import threading
import time

import numpy as np
import pytest
from PIL import Image

from headway.core.errors import PictureError, UsageError
from headway.core.preprocessing import PicturePreprocessing
from headway.data.images import TOO_SMALL, decode, in_threads, prepare, read_pixels, read_whole, size_of
from picture_files import photo, saved

RGB = photo(3)
GREY = RGB.convert("L")
DEEP = Image.fromarray(np.asarray(GREY).astype(np.uint16) * 257)


def _see_through() -> Image.Image:
    image = RGB.convert("RGBA")
    image.putalpha(Image.linear_gradient("L").resize(RGB.size))
    return image


def _over_white(image: Image.Image) -> np.ndarray:
    pixels = np.asarray(image).astype(float)
    alpha = pixels[:, :, 3:] / 255
    return np.asarray(pixels[:, :, :3] * alpha + 255 * (1 - alpha))


KINDS = {  # what is saved, as what, what must come out, and by how much a lossy way may differ
    "RGB": (RGB, "PNG", RGB, 0),
    "grey": (GREY, "PNG", GREY.convert("RGB"), 0),
    "palette": (RGB.quantize(250), "PNG", RGB.quantize(250).convert("RGB"), 0),
    "GIF": (RGB.quantize(250), "GIF", RGB.quantize(250).convert("RGB"), 0),
    "two colours": (RGB.convert("1"), "PNG", RGB.convert("1").convert("RGB"), 0),
    "16 bits": (DEEP, "PNG", GREY.convert("RGB"), 0),
    "16 bits, TIFF": (DEEP, "TIFF", GREY.convert("RGB"), 0),
    "CMYK": (RGB.convert("CMYK"), "TIFF", RGB, 0),
    "CMYK, JPEG": (RGB.convert("CMYK"), "JPEG", RGB, 24),
    "grey JPEG": (GREY, "JPEG", GREY.convert("RGB"), 12),
    "WebP": (RGB, "WEBP", RGB, 40),
    "BMP": (RGB, "BMP", RGB, 0),
    "PPM": (RGB, "PPM", RGB, 0),
}


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_of_pixels(name: str) -> None:
    image, kind, wanted, tolerance = KINDS[name]
    found = decode(saved(image, kind))
    assert (found.mode, found.size) == ("RGB", RGB.size)
    assert np.abs(np.asarray(found).astype(int) - np.asarray(wanted)).max() <= tolerance


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_transparency_is_laid_over_white(kind: str) -> None:
    image = _see_through()
    options = {"lossless": True, "exact": True} if kind == "WEBP" else {}
    found = np.asarray(decode(saved(image, kind, **options))).astype(float)
    assert np.abs(found - _over_white(image)).max() <= 1
    palette = RGB.quantize(20)
    data = saved(palette, "PNG", transparency=palette.getpixel((5, 5)))
    assert decode(data).getpixel((5, 5)) == (255, 255, 255)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_cameras_orientation_is_applied(orientation: int) -> None:
    upright = photo(4, 64, 40)
    stored = {
        1: [],
        2: [Image.Transpose.FLIP_LEFT_RIGHT],
        3: [Image.Transpose.ROTATE_180],
        4: [Image.Transpose.FLIP_TOP_BOTTOM],
        5: [Image.Transpose.TRANSPOSE],
        6: [Image.Transpose.ROTATE_90],
        7: [Image.Transpose.TRANSVERSE],
        8: [Image.Transpose.ROTATE_270],
    }[orientation]
    turned = upright
    for step in stored:
        turned = turned.transpose(step)
    exif = Image.Exif()
    exif[0x0112] = orientation
    for kind in ("PNG", "JPEG"):
        found = decode(saved(turned, kind, exif=exif))
        assert found.size == upright.size
        assert np.abs(np.asarray(found).astype(int) - np.asarray(upright)).max() <= (
            60 if kind == "JPEG" else 0
        )


def test_a_large_jpeg_is_decoded_at_a_reduced_scale_that_changes_little() -> None:
    data = saved(photo(5, 1600, 1200), "JPEG", quality=95)
    record = PicturePreprocessing()
    assert decode(data, side=256).size == (800, 600)
    assert decode(data, side=100).size == (200, 150)
    assert size_of(data) == decode(data).size == (1600, 1200)
    whole = prepare(decode(data), record).astype(int)
    assert np.abs(read_pixels(data, record) - whole).mean() < 1.0


@pytest.mark.parametrize("size", [(60, 48), (48, 60), (64, 64), (33, 97), (500, 31)])
def test_the_square_is_that_of_resize_and_centre_crop(size: tuple[int, int]) -> None:
    image = photo(6, *size)
    record = PicturePreprocessing(resize=40, crop=36, interpolation="bicubic")
    width, height = (int(40 * side / min(size)) for side in size)
    whole = image.resize((width, height), Image.Resampling.BICUBIC)
    left, top = round((width - 36) / 2), round((height - 36) / 2)
    wanted = np.asarray(whole.crop((left, top, left + 36, top + 36)))
    assert (
        np.abs(prepare(image, record).astype(int) - wanted).max() <= 2
    )  # Pillow rounds after each of two passes


def test_channels_are_as_the_weights_want_them() -> None:
    data = saved(RGB, "PNG")
    rgb = read_pixels(data, PicturePreprocessing(resize=40, crop=40))
    bgr = read_pixels(data, PicturePreprocessing(resize=40, crop=40, channels="BGR"))
    assert np.array_equal(bgr, rgb[:, :, ::-1])
    grey = read_pixels(data, PicturePreprocessing(resize=40, crop=40, channels="L", mean=(0.5,), std=(0.5,)))
    assert grey.shape == (40, 40, 1)
    for wrong in ({"channels": "HSV"}, {"interpolation": "area"}, {"crop": 300}, {"std": (0.1, 0.1)}):
        with pytest.raises(UsageError, match="PicturePreprocessing"):
            PicturePreprocessing(**wrong)  # type: ignore[arg-type]


def test_threads_keep_the_order_and_never_run_far_ahead() -> None:
    running, most, taken = 0, 0, 0
    lock = threading.Lock()

    def work(number: int) -> int:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.002 * (number % 3))
        with lock:
            running -= 1
        if number % 7 == 3:
            raise PictureError(TOO_SMALL)
        return number

    def numbers() -> object:
        for number in range(50):
            nonlocal taken
            assert number - taken <= 6
            yield number

    for place, result in enumerate(in_threads(work, numbers(), 3)):  # type: ignore[arg-type]
        taken += 1
        assert isinstance(result, PictureError) if place % 7 == 3 else result == place
    assert taken == 50 and most <= 3


def test_an_error_that_is_no_pictures_fault_is_not_swallowed() -> None:
    def work(number: int) -> float:
        return 1 / number

    with pytest.raises(ZeroDivisionError):
        list(in_threads(work, [1, 0, 2], 2))


@pytest.mark.parametrize(
    ("size", "expected"),
    [((60, 48), (48, 60)), ((200, 100), (50, 100)), ((1000, 100), (50, 150)), ((30, 400), (90, 30))],
)
def test_what_is_trained_on_is_whole_and_no_larger_than_needed(
    size: tuple[int, int], expected: tuple[int, int]
) -> None:
    record = PicturePreprocessing(resize=50, crop=32)
    found = read_whole(saved(photo(2, *size), "PNG"), record)
    assert found.shape == (*expected, 3)
    if min(size) <= 50 and max(size) <= 3 * min(size):
        assert (found == np.asarray(photo(2, *size))).all()  # nothing is made larger, nothing cut off
    grey = PicturePreprocessing(resize=50, crop=32, channels="L", mean=(0.5,), std=(0.5,))
    assert read_whole(saved(photo(2, *size), "PNG"), grey).shape == expected


def test_of_a_long_picture_the_middle_is_kept() -> None:
    image = Image.new("RGB", (1000, 50), "black")
    image.paste("white", (450, 0, 550, 50))
    found = read_whole(saved(image, "PNG"), PicturePreprocessing(resize=50, crop=32))
    assert found.shape == (50, 150, 3) and (found[:, 30:120] == 255).all() and found[:, :20].max() == 0
