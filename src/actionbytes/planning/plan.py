"""The plan: what the current parameters and papers ask for, in parts.

The Snakefile asks it for inputs, the scripts get their parameters from it.
"""

from pathlib import Path

from actionbytes.papers.declared import Paper, read_papers
from actionbytes.planning.datasets import Datasets, world_of
from actionbytes.planning.extraction import Extraction
from actionbytes.planning.lookup import Lookup
from actionbytes.planning.params import Config, Suite, read_config
from actionbytes.planning.results import Results
from actionbytes.planning.runs import Runs
from actionbytes.recipes import Recipe


class Plan:
    """Everything that the active suite makes.

    Attributes:
        config: params.yaml.
        papers: What papers/ declares, by paper.
        root: Folder of the project.
        data: Folder of the suite's datasets, relative to `root` as all paths are.
        datasets: The suite's datasets.
        extraction: From their videos to features.
        runs: From experiments to runs and detections.
        results: Tables, figures and submissions.
        at: What is at a path.
    """

    def __init__(self, config: Config, papers: dict[str, Paper], root: Path = Path()) -> None:
        self.config, self.papers, self.root = config, papers, root
        self.data = Path("data") / config.suite
        experiments = {name: x for paper in papers.values() for name, x in paper.experiments.items()}
        self.datasets = Datasets(config.suite, self.suite, root)
        self.extraction = Extraction(self.datasets, self.suite, self.data)
        self.runs = Runs(config, self.datasets, self.extraction, experiments, root)
        self.results = Results(config, papers, self.datasets, self.extraction, self.runs, root)
        self.at = Lookup(self.extraction, self.runs, self.results)

    @classmethod
    def read(cls, root: Path = Path()) -> "Plan":
        """The plan of the project in `root`."""
        return cls(read_config(root / "params.yaml"), read_papers(root / "papers"), root)

    @property
    def suite(self) -> Suite:
        """The suite in use."""
        return self.config.active

    @property
    def world(self) -> Recipe | None:
        """Recipe of the mini world; None in a suite of real videos."""
        return world_of(self.suite)
