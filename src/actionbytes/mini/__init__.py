"""A world in a box: seeded videos, rendered to real files, with the structure that localization methods exploit.

`world` declares sub-actions, classes, datasets and parameters, `script` what happens in each video, `figure` and
`scene` how it looks; `render` writes the files, `vocabulary` the word vectors. See docs/mini-world.md.
"""

from actionbytes.mini.world import DATASETS, MiniWorld

__all__ = ["DATASETS", "MiniWorld"]
