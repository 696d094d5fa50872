"""Every published form of BN-Inception's weights comes to the same network, and nothing else does."""

import os
import runpy
from pathlib import Path

import pytest
import torch

from actionbytes.backbones.bn_inception import BLOCKS, BNInception
from actionbytes.backbones.bn_inception_weights import KNOWN, load_bn_inception
from actionbytes.errors import UserError

HERE = Path(__file__).parent
SLOW = runpy.run_path(str(HERE / "slow_network.py"))
WRITER = runpy.run_path(str(HERE / "caffe_writer.py"))
drawn, noise = SLOW["drawn"], SLOW["noise"]
blob, layer, net = (WRITER[key] for key in ("blob", "layer", "net"))


@pytest.fixture(scope="module")
def model() -> BNInception:
    return drawn(BNInception(10, 6, attention=True, width=1 / 32), 5)


def state_of(model) -> dict:
    return {k: v.clone() for k, v in model.state_dict().items() if not k.endswith("num_batches_tracked")}


def same(model, loaded) -> bool:
    other = loaded.state_dict()
    return not loaded.training and all(torch.equal(v, other[k]) for k, v in model.state_dict().items())


def caffe_name(name: str) -> str:
    """Caffe's name of a layer: `inception_3a/1x1_bn`, `conv1/7x7_s2`, `fc-action`."""
    block = next((block for block in BLOCKS if name.startswith(block)), name.split("_")[0])
    return name.replace("_", "-") if name.startswith("fc") else f"{block}/{name[len(block) + 1 :]}"


def caffe_file(model, legacy=False, drop="", one_row=True) -> bytes:
    """The network as Caffe writes it: slope, bias, mean, variance of batch normalisation as (1, C)."""
    state, layers = state_of(model), []
    for name in dict.fromkeys(key.rpartition(".")[0] for key in state):
        parts = ["weight", "bias"] + ["running_mean", "running_var"] * name.endswith("_bn")
        arrays = [state[f"{name}.{part}"].numpy() for part in parts]
        if name.endswith("_bn") and one_row:
            arrays = [array[None, :, None, None] if legacy else array[None] for array in arrays]
        if name != drop:
            layers.append(layer(caffe_name(name), [blob(array, legacy) for array in arrays]))
            layers.append(layer(caffe_name(name) + "_relu", [], kind="ReLU"))
    return net(*layers)


def test_names_of_caffe():
    assert caffe_name("conv1_7x7_s2_bn") == "conv1/7x7_s2_bn"
    assert caffe_name("inception_3a_double_3x3_1") == "inception_3a/double_3x3_1"
    assert caffe_name("fc_action") == "fc-action"


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("name", ["x.caffemodel", "bn_inception_flow_init.caffemodel.v5"])
def test_a_caffemodel_loads(model, tmp_path, legacy, name):
    (tmp_path / name).write_bytes(caffe_file(model, legacy))
    loaded = load_bn_inception(tmp_path / name, "flow")
    assert same(model, loaded)
    assert (loaded.num_classes, loaded.width, loaded.feature_dim) == (6, 1 / 32, 32)
    with torch.inference_mode():
        x = noise(2, 10, 32, 32)
        assert torch.equal(loaded(x), model(x))
        assert loaded.fc_attention(loaded.features(x)).shape == (2, 1)


def nested(key: str) -> str:
    """A key of the conversion through Torch: stem plain, blocks behind numbers, the classifier nested."""
    if key.startswith("fc_action."):
        return f"base_model.fc-action.1.{key.rpartition('.')[2]}"
    return f"base_model.{key}" if key.startswith("conv") else f"11.0.0.base_model.{key}"


FORMS = {
    "as ours": lambda key, value: (key, value),
    "(1, C)": lambda key, value: (key, value[None] if "_bn." in key else value),
    "ImageNet": lambda key, value: (key.replace("fc_action", "fc"), value[None] if "_bn." in key else value),
    "Cadene": lambda key, value: (key.replace("fc_action", "last_linear"), value),
    "Torch": lambda key, value: (nested(key), value),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("wrapped", [False, True])
def test_pytorch_forms_load(tmp_path, form, wrapped):
    model = drawn(BNInception(3, 6, width=1 / 32), 6)
    state = dict(FORMS[form](key, value) for key, value in state_of(model).items())
    torch.save({"state_dict": state} if wrapped else state, tmp_path / "x.pth")
    assert same(model, load_bn_inception(tmp_path / "x.pth", "rgb"))


def test_a_file_without_a_classifier_gives_features(tmp_path):
    model = drawn(BNInception(3, 0, width=1 / 32), 6)
    torch.save({"state_dict": state_of(model)}, tmp_path / "ssn.pth")
    loaded, x = load_bn_inception(tmp_path / "ssn.pth"), noise(1, 3, 32, 32)
    with torch.inference_mode():
        assert torch.equal(loaded.features(x), model.features(x))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda s: s.pop("inception_4c_3x3_bn.bias"), "lacks inception_4c_3x3_bn.bias of BN-Inception"),
        (lambda s: s.pop("fc_attention.bias"), "lacks fc_attention.bias"),
        (lambda s: s.update(extra=torch.zeros(1)), "does not know: extra"),
        (lambda s: s.update({"inception_3a_1x1_bn.bias": torch.zeros(2, 1)}), r"has shape \(2, 1\), not \(2,\)"),
        (lambda s: s.update({"inception_3a_1x1.bias": torch.zeros(1, 2)}), r"has shape \(1, 2\), not \(2,\)"),
        (lambda s: s["inception_3a_1x1.bias"].fill_(torch.nan), "not finite"),
        (lambda s: s.update({"conv1_7x7_s2.weight": torch.zeros(3, 10, 7, 7)}), "first or last layer"),
        (lambda s: s.update({"base_model.conv1_7x7_s2.bias": torch.zeros(2)}), "two keys come to conv1_7x7_s2.bias"),
        (lambda s: s.clear() or s.update({"conv1.weight": torch.zeros(1)}), "is no BN-Inception"),
        (lambda s: s.clear() or s.update({"conv1_7x7_s2.weight": torch.zeros(1)}), "is no BN-Inception"),
    ],
)
def test_other_contents_are_named(model, tmp_path, change, says):
    state = state_of(model)
    change(state)
    torch.save(state, tmp_path / "x.pth")
    with pytest.raises(UserError, match=says) as error:
        load_bn_inception(tmp_path / "x.pth")
    assert "\n" not in str(error.value)


def test_other_caffemodels_are_named(model, tmp_path):
    path = tmp_path / "x.caffemodel"
    path.write_bytes(caffe_file(model, drop="inception_5b_pool_proj_bn"))
    with pytest.raises(UserError, match="lacks inception_5b_pool_proj_bn"):
        load_bn_inception(path)
    path.write_bytes(caffe_file(model))
    with pytest.raises(UserError, match="takes 10 channels; the rgb stream needs weights for 3"):
        load_bn_inception(path, "rgb")
    path.write_bytes(net(layer("conv1", [blob(torch.zeros(1).numpy())])))
    with pytest.raises(UserError, match="layer conv1 has 1 arrays, not 2"):
        load_bn_inception(path)
    two = [blob(torch.zeros(1).numpy())] * 2
    path.write_bytes(net(layer("conv1/a", two), layer("conv1_a", two)))
    with pytest.raises(UserError, match="two layers come to the name conv1_a"):
        load_bn_inception(path)
    path.write_bytes(caffe_file(model)[:-7])
    with pytest.raises(UserError, match="no whole caffemodel"):
        load_bn_inception(path)


PUBLISHED = [file.name for file in KNOWN] + [
    f"{data}_{stream}_untrimmednet_soft_bn_inception.caffemodel"
    for data in ("thumos14", "anet1.2")
    for stream in ("spatial", "temporal")
]


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_published_file(root, name):
    path = Path(os.environ.get("ACTIONBYTES_WEIGHTS", root / "data" / "full" / "weights")) / name
    if not path.is_file():
        pytest.skip(f"published weights are absent: {path}")
    loaded = load_bn_inception(path, "flow" if "flow" in name or "temporal" in name else "rgb")
    assert (loaded.width, loaded.feature_dim) == (1, 1024)
    with torch.inference_mode():
        assert loaded.features(noise(1, loaded.in_channels, 224, 224)).isfinite().all()
