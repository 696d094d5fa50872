"""P3D-199 as its PyTorch port computes it, under a name of its own, so that the two are never taken for one another.

The same weights file, other arithmetic and other input; `backbones.p3d` says where the two part.
"""

from functools import partial

from actionbytes.backbones import p3d

open_stream = partial(p3d.open_stream, variant="port")
