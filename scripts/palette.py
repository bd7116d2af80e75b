"""Makes a screenshot a PNG of 256 colours: a third of its size, and pages have few more. Chromium does the counting."""

import struct
import zlib
from base64 import b64decode, b64encode

from playwright.sync_api import Page

_COUNT = """async (png) => {
  const bitmap = await createImageBitmap(await (await fetch(`data:image/png;base64,${png}`)).blob());
  const { width, height } = bitmap;
  const canvas = new OffscreenCanvas(width, height).getContext("2d");
  canvas.drawImage(bitmap, 0, 0);
  const pixels = new Uint32Array(canvas.getImageData(0, 0, width, height).data.buffer);
  const counts = new Map();
  for (const pixel of pixels) counts.set(pixel, (counts.get(pixel) || 0) + 1);
  const parts = (pixel) => [pixel & 255, (pixel >> 8) & 255, (pixel >> 16) & 255];
  const kept = [...counts].sort((a, b) => b[1] - a[1]).slice(0, 256).map(([pixel]) => parts(pixel));
  const nearest = (pixel) => {
    const [r, g, b] = parts(pixel);
    let best = 0, least = Infinity;
    kept.forEach((each, at) => {
      const off = (each[0] - r) ** 2 + (each[1] - g) ** 2 + (each[2] - b) ** 2;
      if (off < least) { least = off; best = at; }
    });
    return best;
  };
  const places = new Map([...counts.keys()].map((pixel) => [pixel, nearest(pixel)]));
  const file = new FileReader();
  const read = new Promise((done) => { file.onload = () => done(file.result.split(",")[1]); });
  file.readAsDataURL(new Blob([Uint8Array.from(pixels, (pixel) => places.get(pixel))]));
  return [width, height, kept.flat(), await read];
}"""


def with_palette(blank: Page, png: bytes) -> bytes:
    """The same picture in its 256 most frequent colours, every other the nearest of them."""
    width, height, colours, places = blank.evaluate(_COUNT, b64encode(png).decode())
    pixels = b64decode(places)
    rows = b"".join(b"\0" + pixels[at : at + width] for at in range(0, len(pixels), width))
    return b"".join(
        [
            b"\x89PNG\r\n\x1a\n",
            _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)),
            _chunk(b"PLTE", bytes(colours)),
            _chunk(b"IDAT", zlib.compress(rows, 9)),
            _chunk(b"IEND", b""),
        ]
    )


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
