"""QR codes as one path of an SVG drawing."""

from qrcode.constants import ERROR_CORRECT_M
from qrcode.main import QRCode

BORDER = 4  # the standard asks for this margin


def qr_path(text: str) -> tuple[int, str]:
    """The width of the drawing, in modules, and the path of the dark ones."""
    code = QRCode(error_correction=ERROR_CORRECT_M, border=BORDER)
    code.add_data(text)
    rows = code.get_matrix()
    return len(rows), "".join(f"M{x} {y}h1v1h-1z" for y, row in enumerate(rows) for x, dark in enumerate(row) if dark)
