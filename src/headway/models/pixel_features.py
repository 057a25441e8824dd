"""What a picture's own pixels tell a linear layer: how often each colour occurs, and which way its edges run where.

It needs no torch and no learned weights.
"""

import numpy as np

SIDE = 96  # pixels of the square that is described
LEVELS = 6  # of each channel of the colour histogram
CELL, ORIENTATIONS = 8, 9  # pixels of a cell's side; equal parts of half a turn
REGIONS = 2  # the histogram is also counted in REGIONS x REGIONS parts
_LARGEST = 0.2  # of a block's numbers after norming
_EPSILON = 1e-3


def pixel_features(pixels: np.ndarray) -> np.ndarray:
    """Return the colour histograms and the oriented gradients of pixels [SIDE, SIDE, 3], float32 [F]."""
    return np.concatenate([colour_histograms(pixels), oriented_gradients(pixels)])


def colour_histograms(pixels: np.ndarray) -> np.ndarray:
    """Return the roots of the shares of LEVELS^3 colours, in the whole picture and in each of its parts, float32 [F].

    Between such roots the dot product is the Bhattacharyya coefficient of the histograms.
    """
    levels = pixels.astype(np.int64) * LEVELS // 256
    colours = (levels[..., 0] * LEVELS + levels[..., 1]) * LEVELS + levels[..., 2]
    half = len(colours) // REGIONS
    parts = [
        colours[row * half : (row + 1) * half, column * half : (column + 1) * half]
        for row in range(REGIONS)
        for column in range(REGIONS)
    ]
    counts = [np.bincount(part.ravel(), minlength=LEVELS**3) / part.size for part in (colours, *parts)]
    return np.sqrt(np.concatenate(counts)).astype(np.float32)


def oriented_gradients(pixels: np.ndarray) -> np.ndarray:
    """Return histograms of oriented gradients (Dalal and Triggs 2005, section 6), float32 [F].

    Each pixel's gradient, of the channel where it is largest, counts by its size for the two nearest of the
    orientations of its cell; 2 x 2 cells make a block, which is brought to length 1, cut at 0.2, and again to length 1.
    """
    image = np.sqrt(pixels.astype(np.float32))  # gamma compression
    across, down = np.zeros_like(image), np.zeros_like(image)
    across[:, 1:-1] = image[:, 2:] - image[:, :-2]
    down[1:-1] = image[2:] - image[:-2]
    sizes = np.hypot(across, down)
    channel = sizes.argmax(axis=2)[..., None]
    size, x, y = (np.take_along_axis(array, channel, axis=2)[..., 0] for array in (sizes, across, down))
    place = (np.arctan2(y, x) % np.pi) / np.pi * ORIENTATIONS - 0.5
    low = np.floor(place).astype(np.int64)
    high_share = place - low
    rows, columns = (np.arange(length) // CELL for length in pixels.shape[:2])
    cells = (int(rows[-1]) + 1, int(columns[-1]) + 1)
    cell = rows[:, None] * cells[1] + columns  # the number of each pixel's cell
    histograms = np.zeros(cells[0] * cells[1] * ORIENTATIONS)
    for orientation, share in ((low, 1 - high_share), (low + 1, high_share)):
        index = cell * ORIENTATIONS + orientation % ORIENTATIONS
        histograms += np.bincount(index.ravel(), (size * share).ravel(), minlength=len(histograms))
    grid = histograms.reshape(*cells, ORIENTATIONS)
    blocks = np.concatenate([grid[:-1, :-1], grid[:-1, 1:], grid[1:, :-1], grid[1:, 1:]], axis=2)
    return _of_length_one(np.minimum(_of_length_one(blocks), _LARGEST)).ravel().astype(np.float32)


def _of_length_one(blocks: np.ndarray) -> np.ndarray:
    scaled: np.ndarray = blocks / np.sqrt((blocks**2).sum(axis=-1, keepdims=True) + _EPSILON**2)
    return scaled
