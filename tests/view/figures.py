import numpy as np
from PIL import Image


def ink(path):
    """Share of pixels that are not white."""
    with Image.open(path) as image:
        return float((np.asarray(image.convert("L")) < 250).mean())


def messages(figure):
    """All texts within the axes of a figure and its parts."""
    parts = [figure, *figure.subfigs, *(inner for part in figure.subfigs for inner in part.subfigs)]
    return [text.get_text() for part in parts for axes in part.axes for text in axes.texts]
