"""Writes arrays, sounds and images by NumPy, soundfile and Pillow, with what these read of them again.

    python3 data_formats.py FOLDER

FOLDER/expected.json lists each case: the data set's name, its path, the settings to load it with, and the values
of each example in the range that it is loaded in. Every file of a folder holds the same example, or the rows of one
array, so that the expectation does not depend on how parts are drawn. A library that is absent is named in `missing`.
"""

import json
import os
import sys

import numpy as np

root = sys.argv[1]
cases = []
missing = []


def case(title, name, path, examples, tolerance=0.0, **settings):
    """Records a case; `examples` is [n, values], in any order."""
    examples = np.asarray(examples, np.float32).reshape(len(examples), -1)
    cases.append(
        {
            "title": title,
            "name": name,
            "path": path,
            "examples": examples.tolist(),
            "tolerance": tolerance,
            "settings": settings,
        }
    )


def arrays():
    values = np.arange(24).reshape(8, 3) * 5
    for dtype in "<f2 >f2 <f4 >f4 <f8 >f8 |i1 |u1 <i2 >i2 <u2 >u2 <i4 >i4 <u4 >u4 <i8 >i8 <u8 >u8".split():
        signed = np.dtype(dtype).kind in "fi"
        array = (values - 60 if signed else values).astype(dtype)
        for order in "CF":
            path = f"{dtype[1:]}-{'big' if dtype[0] == '>' else 'little'}-{order}.npy"
            np.save(f"{root}/{path}", array.copy(order=order))
            case(f"npy {dtype} {order}", "npy", path, np.load(f"{root}/{path}"))
    pixels = np.arange(96, dtype=np.uint8).reshape(8, 2, 2, 3)
    np.save(f"{root}/pixels.npy", pixels)
    case("npy bytes as pixels", "npy", "pixels.npy", np.load(f"{root}/pixels.npy") / 255, 1e-7)
    for save in (np.savez, np.savez_compressed):
        save(f"{root}/{save.__name__}.npz", a=values.astype("<f4"))
        read = np.load(f"{root}/{save.__name__}.npz")["a"]
        case(f"npz by {save.__name__}", "npy", f"{save.__name__}.npz", read)


def sounds():
    import soundfile

    time = np.arange(2000) / 8000
    tones = [np.sin(2 * np.pi * 440 * time), np.sin(2 * np.pi * 1000 * time)]
    stereo = np.stack(tones, -1) * 0.5
    # Decoders of lossy formats differ by rounding alone: 2e-4 is some six steps of 16 bits.
    lossless = [("WAV", s) for s in "PCM_U8 PCM_16 PCM_24 PCM_32 FLOAT DOUBLE ULAW ALAW".split()]
    lossless += [("WAVEX", s) for s in "PCM_U8 PCM_16 PCM_24 PCM_32 FLOAT DOUBLE".split()]
    lossless += [("RF64", "PCM_16"), ("FLAC", "PCM_S8"), ("FLAC", "PCM_16"), ("FLAC", "PCM_24")]
    lossy = [("OGG", "VORBIS"), ("MP3", "MPEG_LAYER_III")]
    endings = {"WAV": "wav", "WAVEX": "wav", "RF64": "wav", "FLAC": "flac", "OGG": "ogg", "MP3": "mp3"}
    for tolerance, kinds in ((1e-6, lossless), (2e-4, lossy)):
        for container, subtype in kinds:
            for channels in (1, 2):
                folder = f"{container}-{subtype}-{channels}"
                os.makedirs(f"{root}/{folder}")
                for n in range(3):
                    path = f"{root}/{folder}/{n}.{endings[container]}"
                    data = stereo[:, :channels]
                    soundfile.write(path, data, 8000, format=container, subtype=subtype)
                read, _ = soundfile.read(path, always_2d=True)
                clip = read.mean(-1)[:1600]
                title = f"{container} {subtype} of {channels}"
                case(title, "audio", folder, [clip] * 3, tolerance, clipSeconds=0.2)


def images():
    from PIL import Image, ImageOps

    y, x = np.mgrid[:8, :12]
    colour = np.stack([x * 20, y * 30, 255 - x * 20], -1).astype(np.uint8)
    grey = (x * 10 + y * 15).astype(np.uint8)
    alpha = np.dstack([colour, (x * 23).astype(np.uint8)])
    rotated = Image.Exif()
    rotated[0x0112] = 6
    sources = {
        "png": (Image.fromarray(colour), {}),
        "grey.png": (Image.fromarray(grey), {}),
        "grey16.png": (Image.fromarray((grey.astype(np.uint16) * 257)), {}),
        "palette.png": (Image.fromarray(colour).quantize(16), {}),
        "onebit.png": (Image.fromarray(grey > 100), {}),
        "alpha.png": (Image.fromarray(alpha), {}),
        "greyalpha.png": (Image.fromarray(alpha[..., [0, 3]]), {}),
        "gif": (Image.fromarray(grey), {}),
        "webp": (Image.fromarray(colour), {"lossless": True}),
        "tiff": (Image.fromarray(colour), {}),
        "jpg": (Image.fromarray(colour), {"quality": 95, "subsampling": 0}),
        "exif.jpg": (Image.fromarray(colour), {"quality": 95, "subsampling": 0, "exif": rotated}),
    }
    for kind, (image, options) in sources.items():
        ending = kind.split(".")[-1]
        folder = f"image-{kind}"
        os.makedirs(f"{root}/{folder}")
        for n in range(3):
            image.save(f"{root}/{folder}/{n}.{ending}", **options)
        read = ImageOps.exif_transpose(Image.open(f"{root}/{folder}/0.{ending}"))
        if read.mode.startswith("I"):
            read = Image.fromarray((np.asarray(read) // 257).astype(np.uint8))
        if read.mode in ("RGBA", "LA"):
            white = Image.new("RGBA", read.size, "white")
            read = Image.alpha_composite(white, read.convert("RGBA"))
        pixels = np.asarray(read.convert("RGB")) / 255
        # Blending and the inverse cosine transform round differently: by one step of 255, and two.
        tolerance = 2.01 if ending == "jpg" else 1.01 if "alpha" in kind else 0.01
        case(f"image {kind}", "images", folder, [pixels] * 3, tolerance / 255, channels=3)


for make, library in ((arrays, "numpy"), (sounds, "soundfile"), (images, "Pillow")):
    try:
        make()
    except ImportError:
        missing.append(library)
with open(f"{root}/expected.json", "w") as out:
    json.dump({"missing": missing, "cases": cases}, out)
