"""A world in a box: seeded videos, rendered to real files, with the structure that localization methods exploit.

`world` says what there is (sub-actions, classes, datasets, parameters), `script` what happens in each video, `figure`
and `scene` how it looks, `render` writes files, `vocabulary` word vectors, `sheet` a picture. See docs/mini-world.md.
"""

from actionbytes.mini.world import DATASETS, MiniWorld

__all__ = ["DATASETS", "MiniWorld"]
