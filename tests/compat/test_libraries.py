"""Other people's libraries, on metagrad in PyTorch's place: their documented first examples, with the right figures.

Each runs in a process of its own, where it is installed; PyTorch is not needed for any of it. ``.ci/run`` installs them, by the
list in ``.ci/libraries``, in an environment without PyTorch.
"""

import importlib.util
import os
import subprocess
import sys

import pytest

PRELUDE = """
import warnings
warnings.simplefilter("ignore")
from metagrad import alias
alias.install()
import torch
from torch import nn
import torch.nn.functional as F
def near(a, b, tolerance=1e-5):
    a, b = (x if isinstance(x, torch.Tensor) else torch.tensor(x) for x in (a, b))
    assert torch.allclose(a.detach().double(), b.detach().double(), rtol=tolerance, atol=tolerance), (a, b)
torch.manual_seed(0)
"""
PROGRAMS = {
    "einops": """
from einops import einsum, pack, rearrange, reduce, repeat, unpack
from einops.layers.torch import EinMix, Rearrange, Reduce
x = torch.arange(96.0).reshape(2, 3, 4, 4)
y = rearrange(x, "b c (h h1) (w w1) -> b (c h1 w1) h w", h1=2, w1=2)
assert y.shape == (2, 12, 2, 2) and y[1, 5].tolist() == [[65.0, 67.0], [73.0, 75.0]]
near(reduce(x, "b c h w -> b c", "mean"), [[7.5, 23.5, 39.5], [55.5, 71.5, 87.5]])
near(repeat(x[0, 0], "h w -> (h 2) (w 2)").sum(), 480.0)
near(einsum(x, x, "b c h w, b c h v -> b w v"), torch.einsum("bchw,bchv->bwv", x, x))
packed, shapes = pack([x, x[:, 0]], "b * h w")
assert packed.shape == (2, 4, 4, 4) and torch.equal(unpack(packed, shapes, "b * h w")[0], x)
model = nn.Sequential(
    nn.Conv2d(3, 6, 3, padding=1), Reduce("b c (h 2) (w 2) -> b c h w", "max"), Rearrange("b c h w -> b (c h w)"), nn.Linear(24, 5)
)
model(x).sum().backward()
assert model[0].weight.grad.abs().sum() > 0
mix = EinMix("b t c -> b t d", weight_shape="c d", bias_shape="d", c=4, d=7)
near(mix(x[0]), x[0] @ mix.weight + mix.bias)
""",
    "torch_geometric": """
from torch_geometric.data import Data
from torch_geometric.loader import DataLoader
from torch_geometric.nn import GATConv, GCNConv, SAGEConv, TopKPooling, global_mean_pool
edges = torch.tensor([[0, 1, 1, 2, 2, 3], [1, 0, 2, 1, 3, 2]])
data = Data(x=torch.arange(20.0).reshape(4, 5) / 10, edge_index=edges, y=torch.tensor([0, 1, 0, 1]))
assert data.num_nodes == 4 and data.is_undirected() and not data.has_isolated_nodes()
class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second, self.third = GCNConv(5, 8), GATConv(8, 4, heads=2), SAGEConv(8, 2)
    def forward(self, data):
        hidden = F.relu(self.first(data.x, data.edge_index))
        return F.log_softmax(self.third(F.elu(self.second(hidden, data.edge_index)), data.edge_index), 1)
convolution = GCNConv(5, 1, bias=False)
with torch.no_grad():
    convolution.lin.weight.fill_(1.0)
near(convolution(data.x, edges)[:, 0], [1.9288690, 3.5749149, 6.6367769, 6.6994891])
network = Network()
optimizer = torch.optim.Adam(network.parameters(), lr=0.05)
losses = []
for _ in range(40):
    optimizer.zero_grad()
    loss = F.nll_loss(network(data), data.y)
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
assert losses[-1] < 0.6 * losses[0]
batches = list(DataLoader([data, data, data], batch_size=2))
assert [batch.batch.tolist() for batch in batches] == [[0, 0, 0, 0, 1, 1, 1, 1], [0, 0, 0, 0]]
near(global_mean_pool(batches[0].x, batches[0].batch)[1], [0.75, 0.85, 0.95, 1.05, 1.15])
assert TopKPooling(5, 0.5)(data.x, edges)[0].shape == (2, 5)
from torch_geometric.nn import to_hetero
class Two(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = SAGEConv((-1, -1), 8), SAGEConv((-1, -1), 2)
    def forward(self, x, edge_index):
        return self.second(self.first(x, edge_index).relu(), edge_index)
kinds = ["paper", "author"], [("paper", "by", "author"), ("author", "of", "paper")]
mixed = to_hetero(Two(), kinds)
found = mixed({"paper": data.x, "author": data.x[:3, :2]}, {kinds[1][0]: edges[:, :3], kinds[1][1]: edges[:, :3].flip(0)})
assert found["paper"].shape == (4, 2) and found["author"].shape == (3, 2) and "relu__paper" in mixed.code
""",
    "torchopt": """
import functorch, torchopt
x = torch.arange(12.0).reshape(4, 3) / 10
network = nn.Linear(3, 1)
nn.init.constant_(network.weight, 0.1), nn.init.zeros_(network.bias)
def mistake():
    return ((network(x) - x.sum(1, keepdim=True)) ** 2).mean()
optimizer = torchopt.adam(lr=0.1)
parameters = tuple(network.parameters())
state, losses = optimizer.init(parameters), []
for _ in range(3):
    losses.append(mistake())
    updates, state = optimizer.update(torch.autograd.grad(losses[-1], parameters), state)
    parameters = torchopt.apply_updates(parameters, updates)
near(torch.stack(losses), [3.0253501, 2.1364055, 1.4138365])
meta = torchopt.MetaSGD(network, lr=0.1)
meta.step(mistake())
near(mistake(), 0.3702938)
""",
    "torchmetrics": """
import copy, pickle
import torchmetrics
from torchmetrics import Accuracy, ConfusionMatrix, F1Score, MeanSquaredError, Metric, MetricCollection, PearsonCorrCoef, R2Score
predicted = torch.tensor([[0.7, 0.2, 0.1], [0.1, 0.6, 0.3], [0.2, 0.3, 0.5], [0.4, 0.35, 0.25]])
target = torch.tensor([0, 1, 1, 0])
near(torchmetrics.functional.accuracy(predicted, target, task="multiclass", num_classes=3), 0.75)
metric = Accuracy(task="multiclass", num_classes=3)
near(torch.stack([metric(predicted[:2], target[:2]), metric(predicted[2:], target[2:]), metric.compute()]), [1.0, 0.5, 0.75])
assert ConfusionMatrix(task="multiclass", num_classes=3)(predicted, target).tolist() == [[2, 0, 0], [0, 1, 1], [0, 0, 0]]
both = MetricCollection({"f": F1Score(task="multiclass", num_classes=3), "a": Accuracy(task="multiclass", num_classes=3)})
near(both(predicted, target)["f"], 0.75)
near(torchmetrics.AUROC(task="binary")(torch.tensor([0.1, 0.4, 0.35, 0.8]), torch.tensor([0, 0, 1, 1])), 0.75)
a, b = torch.tensor([2.5, 0.0, 2.0, 8.0]), torch.tensor([3.0, -0.5, 2.0, 7.0])
near(torch.stack([MeanSquaredError()(a, b), R2Score()(a, b), PearsonCorrCoef()(a, b)]), [0.375, 0.948608, 0.984870])
from torchmetrics.text import WordErrorRate
said, meant = ["this is the prediction", "there is an other sample"], ["this is the reference", "there is another one"]
near(WordErrorRate()(said, meant), 0.5)
from torchmetrics.image import PeakSignalNoiseRatio
near(PeakSignalNoiseRatio(data_range=3.0)(torch.tensor([[0.0, 1], [2, 3]]), torch.tensor([[3.0, 2], [1, 0]])), 2.552725)
class Share(Metric):
    def __init__(self):
        super().__init__()
        self.add_state("right", default=torch.tensor(0), dist_reduce_fx="sum")
        self.add_state("all", default=torch.tensor(0), dist_reduce_fx="sum")
    def update(self, p, t):
        self.right += torch.sum(p == t)
        self.all += t.numel()
    def compute(self):
        return self.right.float() / self.all
share = Share()
share(torch.tensor([1, 2, 3]), torch.tensor([1, 2, 4]))
share.update(torch.tensor([1]), torch.tensor([1]))
near(share.compute(), 0.75)
near((share + 1).compute(), 1.75)
near(pickle.loads(pickle.dumps(share)).compute(), 0.75)
share.reset()
assert share.all == 0 and copy.deepcopy(both) is not both
""",
    "torchinfo": """
from torchinfo import summary
class ConvNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 10, kernel_size=5), nn.Conv2d(10, 20, kernel_size=5)
        self.conv2_drop, self.fc1, self.fc2 = nn.Dropout2d(), nn.Linear(320, 50), nn.Linear(50, 10)
    def forward(self, x):
        x = F.relu(F.max_pool2d(self.conv1(x), 2))
        x = F.relu(F.max_pool2d(self.conv2_drop(self.conv2(x)), 2))
        return F.log_softmax(self.fc2(F.relu(self.fc1(x.view(-1, 320)))), dim=1)
found = summary(ConvNet(), input_size=(16, 1, 28, 28), verbose=0)
assert (found.total_params, found.trainable_params, found.total_mult_adds) == (21840, 21840, 7801600)
text = str(found)
assert all(part in text for part in ("[16, 10, 24, 24]", "[16, 20, 8, 8]", "16,050", "Input size (MB): 0.05"))
found = summary(nn.LSTM(10, 20, 2, bidirectional=True), (5, 3, 10), verbose=0, col_names=("output_size", "num_params"))
assert (found.total_params, found.total_mult_adds) == (15040, 225600) and "[5, 3, 40]" in str(found)
""",
    "skorch": """
import os, pickle, tempfile
import numpy as np
from sklearn.datasets import make_classification
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from skorch import NeuralNetClassifier
X, y = make_classification(1000, 20, n_informative=10, random_state=0)
X, y = X.astype(np.float32), y.astype(np.int64)
class MyModule(nn.Module):
    def __init__(self, num_units=10, nonlin=nn.ReLU()):
        super().__init__()
        self.dense0, self.nonlin, self.dropout = nn.Linear(20, num_units), nonlin, nn.Dropout(0.5)
        self.dense1, self.output, self.softmax = nn.Linear(num_units, num_units), nn.Linear(num_units, 2), nn.Softmax(dim=-1)
    def forward(self, X, **kwargs):
        X = self.dropout(self.nonlin(self.dense0(X)))
        return self.softmax(self.output(self.nonlin(self.dense1(X))))
net = NeuralNetClassifier(MyModule, max_epochs=10, lr=0.1, iterator_train__shuffle=True, verbose=0)
net.fit(X, y)
losses = net.history[:, "train_loss"]
assert losses[-1] < 0.93 * losses[0] and net.score(X, y) > 0.65 and net.predict_proba(X).shape == (1000, 2)
pipe = Pipeline([("scale", StandardScaler()), ("net", NeuralNetClassifier(MyModule, max_epochs=10, lr=0.1, verbose=0))]).fit(X, y)
assert pipe.score(X, y) > 0.65
net.set_params(train_split=False, max_epochs=1)
search = GridSearchCV(net, {"lr": [1e-6, 0.1], "module__num_units": [10]}, refit=False, cv=3, scoring="neg_log_loss").fit(X, y)
assert search.best_params_["lr"] == 0.1
where = tempfile.mkdtemp()
for name, safe in (("m.pt", False), ("m.safetensors", True)):
    if safe and not __import__("importlib").util.find_spec("safetensors"):
        continue
    net.save_params(f_params=os.path.join(where, name), use_safetensors=safe)
    again = NeuralNetClassifier(MyModule).initialize()
    again.load_params(f_params=os.path.join(where, name), use_safetensors=safe)
    assert np.array_equal(again.predict_proba(X), net.predict_proba(X))
assert np.array_equal(pickle.loads(pickle.dumps(net)).predict_proba(X), net.predict_proba(X))
""",
    "safetensors": """
import os, tempfile
from safetensors import safe_open
from safetensors.torch import load, load_file, load_model, save, save_file, save_model
where = tempfile.mkdtemp()
file = os.path.join(where, "model.safetensors")
tensors = {
    "weight1": torch.randn(64, 32), "weight2": torch.arange(6.0).reshape(2, 3).half(), "i": torch.tensor([1, 2, 3]),
    "b": torch.tensor([True, False]), "empty": torch.zeros(0, 3), "number": torch.tensor(2.5, dtype=torch.float64),
}
save_file(tensors, file, metadata={"made": "here"})
with safe_open(file, framework="pt", device="cpu") as f:
    found = {key: f.get_tensor(key) for key in f.keys()}
    assert f.metadata() == {"made": "here"} and torch.equal(f.get_slice("weight1")[:, 16:], tensors["weight1"][:, 16:])
for loaded in (found, load_file(file), load(save(tensors))):
    assert loaded.keys() == tensors.keys()
    assert all(torch.equal(loaded[k], t) and loaded[k].dtype is t.dtype and loaded[k].shape == t.shape for k, t in tensors.items())
tied = nn.Module()
tied.a, tied.b = nn.Linear(2, 2), nn.Linear(2, 2)
tied.b.weight = tied.a.weight
save_model(tied, file)
weight = tied.a.weight.detach().clone()
with torch.no_grad():
    tied.a.weight.zero_()
missing, unexpected = load_model(tied, file)
assert not missing and not unexpected and torch.equal(tied.b.weight, weight)
try:
    save_file({"a": weight, "b": weight.view(4)}, file)
except RuntimeError as error:
    assert "share memory" in str(error)
else:
    raise AssertionError("tensors that share memory were saved twice")
""",
    "lightning": """
import tempfile
import lightning as L
from torch.utils.data import DataLoader, TensorDataset
class LitAutoEncoder(L.LightningModule):
    def __init__(self, width=8):
        super().__init__()
        self.save_hyperparameters()
        self.encoder = nn.Sequential(nn.Linear(16, width), nn.ReLU(), nn.Linear(width, 3))
        self.decoder = nn.Sequential(nn.Linear(3, width), nn.ReLU(), nn.Linear(width, 16))
    def training_step(self, batch, batch_idx):
        loss = F.mse_loss(self.decoder(self.encoder(batch[0])), batch[0])
        self.log("train_loss", loss)
        return loss
    def validation_step(self, batch, batch_idx):
        self.log("val_loss", F.mse_loss(self.decoder(self.encoder(batch[0])), batch[0]))
    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=1e-2)
data = DataLoader(TensorDataset(torch.randn(128, 3) @ torch.randn(3, 16)), batch_size=16)
model, where = LitAutoEncoder(), tempfile.mkdtemp()
trainer = L.Trainer(
    max_epochs=5, accelerator="cpu", logger=False, enable_progress_bar=False, default_root_dir=where
)
before = trainer.validate(model, data, verbose=False)[0]["val_loss"]
trainer.fit(model, data, data)
assert trainer.callback_metrics["val_loss"] < 0.5 * before and trainer.global_step == 40
trainer.save_checkpoint(where + "/model.ckpt")
again = LitAutoEncoder.load_from_checkpoint(where + "/model.ckpt")
assert torch.equal(again.encoder[0].weight, model.encoder[0].weight)
""",
    "torchdiffeq": """
import math
from torchdiffeq import odeint, odeint_adjoint
t = torch.linspace(0, 1, 5)
near(odeint(lambda t, y: -y, torch.tensor([1.0, 2.0]), t)[-1], [math.exp(-1), 2 * math.exp(-1)], 1e-4)
class Decay(nn.Module):
    def __init__(self):
        super().__init__()
        self.rate = nn.Parameter(torch.tensor(-1.0))
    def forward(self, t, y):
        return self.rate * y
decay = Decay()
odeint_adjoint(decay, torch.tensor([1.0]), t, method="dopri5")[-1].sum().backward()
near(decay.rate.grad, math.exp(-1), 1e-4)
""",
    "entmax": """
from entmax import entmax15, entmax_bisect, sparsemax
x = torch.tensor([-2.0, 0.0, 0.5], requires_grad=True)
near(sparsemax(x, dim=0), [0.0, 0.25, 0.75])
near(entmax15(x, dim=0), [0.0, 0.3260, 0.6740], 1e-4)
near(entmax_bisect(x, 1.5, dim=0), entmax15(x, dim=0), 1e-4)
(entmax15(x, dim=0) * torch.arange(3.0)).sum().backward()
near(x.grad, [0.0, -0.3368, 0.3368], 1e-4)
""",
    "torchcrf": """
import itertools
from torchcrf import CRF
model = CRF(3)
emissions, tags = torch.randn(4, 1, 3, requires_grad=True), torch.tensor([[0], [1], [2], [1]])
def score(path):
    s = model.start_transitions[path[0]] + model.end_transitions[path[-1]] + sum(emissions[i, 0, p] for i, p in enumerate(path))
    return s + sum(model.transitions[a, b] for a, b in zip(path, path[1:]))
paths = list(itertools.product(range(3), repeat=4))
scores = torch.stack([score(p) for p in paths])
near(model(emissions, tags), score((0, 1, 2, 1)) - scores.logsumexp(0), 1e-4)
assert model.decode(emissions)[0] == list(paths[int(scores.argmax())])
model(emissions, tags).backward()
assert emissions.grad.abs().sum() > 0
""",
    "ignite": """
from torch.utils.data import DataLoader, TensorDataset
from ignite.engine import Events, create_supervised_evaluator, create_supervised_trainer
from ignite.metrics import Accuracy, Loss
x = torch.randn(256, 4)
data = DataLoader(TensorDataset(x, (x.sum(1) > 0).long()), 32)
model, criterion = nn.Linear(4, 2), nn.CrossEntropyLoss()
trainer = create_supervised_trainer(model, torch.optim.SGD(model.parameters(), lr=0.5), criterion)
evaluator = create_supervised_evaluator(model, metrics={"accuracy": Accuracy(), "loss": Loss(criterion)})
seen = []
@trainer.on(Events.EPOCH_COMPLETED)
def evaluate(engine):
    evaluator.run(data)
    seen.append(dict(evaluator.state.metrics))
trainer.run(data, max_epochs=3)
assert len(seen) == 3 and seen[-1]["accuracy"] > 0.9 and seen[-1]["loss"] < seen[0]["loss"], seen
""",
    "captum": """
from captum.attr import DeepLift, IntegratedGradients, LayerConductance, Saliency
class Toy(nn.Module):
    def __init__(self):
        super().__init__()
        self.lin1, self.relu, self.lin2 = nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 2)
        self.lin1.weight = nn.Parameter(torch.arange(-4.0, 5.0).view(3, 3))
        self.lin1.bias = nn.Parameter(torch.zeros(1, 3))
        self.lin2.weight = nn.Parameter(torch.arange(-3.0, 3.0).view(2, 3))
        self.lin2.bias = nn.Parameter(torch.ones(1, 2))
    def forward(self, x):
        return self.lin2(self.relu(self.lin1(x)))
model, x, base = Toy().eval(), torch.tensor([[0.1, 0.2, 0.3]]), torch.zeros(1, 3)
attributed, delta = IntegratedGradients(model).attribute(x, base, target=0, return_convergence_delta=True)
near(attributed.sum(), (model(x) - model(base))[0, 0])
near(delta, [0.0])
near(Saliency(model).attribute(x, target=1), [[3.0, 6.0, 9.0]])
near(DeepLift(model).attribute(x, base, target=0), attributed)
near(LayerConductance(model, model.lin1).attribute(x, base, target=0).sum(), attributed.sum(), 1e-2)
""",
    "gpytorch": """
import math
import gpytorch
x = torch.linspace(0, 1, 30)
y = torch.sin(x * 2 * math.pi) + torch.randn(30) * 0.1
class Exact(gpytorch.models.ExactGP):
    def __init__(self, x, y, likelihood):
        super().__init__(x, y, likelihood)
        self.mean_module = gpytorch.means.ConstantMean()
        self.covar_module = gpytorch.kernels.ScaleKernel(gpytorch.kernels.RBFKernel())
    def forward(self, x):
        return gpytorch.distributions.MultivariateNormal(self.mean_module(x), self.covar_module(x))
likelihood = gpytorch.likelihoods.GaussianLikelihood()
model = Exact(x, y, likelihood)
optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
objective = gpytorch.mlls.ExactMarginalLogLikelihood(likelihood, model)
losses = []
for _ in range(40):
    optimizer.zero_grad()
    loss = -objective(model(x), y)
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
assert losses[-1] < 0.0 < losses[0]
model.eval(), likelihood.eval()
with torch.no_grad(), gpytorch.settings.fast_pred_var():
    at = torch.linspace(0, 1, 11)
    assert (likelihood(model(at)).mean - torch.sin(at * 2 * math.pi)).abs().max() < 0.2
""",
    "pyro": """
import pyro
import pyro.distributions as dist
import torch.distributions.constraints as constraints
from pyro.infer import MCMC, NUTS, SVI, Trace_ELBO
from pyro.optim import Adam
pyro.set_rng_seed(0)
data = torch.tensor([1.0] * 6 + [0.0] * 4)
def model(data):
    fairness = pyro.sample("fairness", dist.Beta(torch.tensor(10.0), torch.tensor(10.0)))
    with pyro.plate("data", len(data)):
        pyro.sample("obs", dist.Bernoulli(fairness), obs=data)
def guide(data):
    a = pyro.param("a", torch.tensor(15.0), constraint=constraints.positive)
    b = pyro.param("b", torch.tensor(15.0), constraint=constraints.positive)
    pyro.sample("fairness", dist.Beta(a, b))
svi = SVI(model, guide, Adam({"lr": 0.005}), loss=Trace_ELBO())
for _ in range(300):
    svi.step(data)
a, b = pyro.param("a"), pyro.param("b")
near(a / (a + b), 16 / 30, 0.05)  # the posterior is Beta(16, 14)
sampled = MCMC(NUTS(model), num_samples=50, warmup_steps=20, disable_progbar=True)
sampled.run(data)
near(sampled.get_samples()["fairness"].mean(), 16 / 30, 0.15)
""",
    "accelerate": """
from accelerate import Accelerator
accelerator, model = Accelerator(cpu=True), nn.Linear(4, 2)
optimizer, x = torch.optim.Adam(model.parameters(), lr=0.1), torch.randn(64, 4)
data = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, (x.sum(1) > 0).long()), 16)
model, optimizer, data = accelerator.prepare(model, optimizer, data)
losses = []
for epoch in range(5):
    for a, b in data:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(a), b)
        accelerator.backward(loss)
        accelerator.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item())
assert losses[-1] < 0.5 * losses[0] and accelerator.gather(torch.ones(2)).tolist() == [1.0, 1.0]
assert isinstance(accelerator.unwrap_model(model), nn.Linear)
""",
    "geoopt": """
import geoopt
ball, target = geoopt.PoincareBall(), torch.tensor([[0.5, 0.0], [0.0, 0.5], [-0.3, -0.3]])
point = geoopt.ManifoldParameter(torch.randn(3, 2) * 0.1, manifold=ball)
optimizer = geoopt.optim.RiemannianAdam([point], lr=0.1)
for _ in range(100):
    optimizer.zero_grad()
    (ball.dist(point, target) ** 2).sum().backward()
    optimizer.step()
near(point, target, 0.05)
stiefel = geoopt.Stiefel()
frame = geoopt.ManifoldParameter(stiefel.random(4, 2), manifold=stiefel)
optimizer = geoopt.optim.RiemannianSGD([frame], lr=0.05)
for _ in range(100):
    optimizer.zero_grad()
    (-(frame.T @ torch.diag(torch.tensor([4.0, 3.0, 2.0, 1.0])) @ frame).trace()).backward()
    optimizer.step()
near(frame.T @ frame, torch.eye(2), 1e-4)
near(torch.linalg.eigvalsh(frame.T @ torch.diag(torch.tensor([4.0, 3.0, 2.0, 1.0])) @ frame), [3.0, 4.0], 1e-2)
""",
    "transformers": """
import os, tempfile
os.environ.update(HF_HUB_OFFLINE="1", WANDB_MODE="disabled")
import numpy as np
from transformers import BertConfig, BertForSequenceClassification, GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM
from transformers import T5Config, T5ForConditionalGeneration
ids = torch.tensor(np.random.default_rng(1).integers(1, 50, (2, 7)))
def filled(model):
    rng = np.random.default_rng(0)
    with torch.no_grad():
        for _, p in sorted(model.named_parameters()):
            p.copy_(torch.tensor((rng.normal(size=tuple(p.shape)) * 0.2).astype(np.float32)))
    return model.eval()
sizes = {"vocab_size": 50, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
bert = filled(BertForSequenceClassification(BertConfig(**sizes, num_labels=3)))
gpt2 = filled(GPT2LMHeadModel(GPT2Config(vocab_size=50, n_embd=16, n_layer=2, n_head=2, n_positions=32)))
llama = filled(LlamaForCausalLM(LlamaConfig(**sizes)))
t5 = T5Config(vocab_size=50, d_model=16, d_kv=8, d_ff=32, num_layers=2, num_heads=2, decoder_start_token_id=0)
t5 = filled(T5ForConditionalGeneration(t5))
figures = [(bert, 1.066674, 0.83989), (gpt2, 3.905872, 0.54478), (llama, 3.884179, 0.62026), (t5, 3.919749, 0.12782)]  # PyTorch's
for model, loss, size in figures:
    found = model(ids, labels=torch.tensor([0, 1]) if model is bert else ids).loss
    found.backward()
    near(found, loss)
    near(sum((p.grad**2).sum() for p in model.parameters() if p.grad is not None) ** 0.5, size, 1e-4)
written = llama.generate(ids[:, :3], max_new_tokens=6, do_sample=False, pad_token_id=0)
assert written.tolist() == [[24, 26, 38, 7, 14, 28, 17, 14, 10], [47, 13, 16, 12, 48, 24, 14, 13, 17]]
where = tempfile.mkdtemp()
bert.save_pretrained(where)
again = BertForSequenceClassification.from_pretrained(where).eval()
near(again(ids).logits, bert(ids).logits)
torch.manual_seed(0)
from transformers import Trainer, TrainingArguments
examples = [{"input_ids": torch.arange(6) * (i + 3) % 50, "labels": torch.arange(6) * (i + 3) % 50} for i in range(16)]
model = GPT2LMHeadModel(GPT2Config(vocab_size=50, n_embd=16, n_layer=1, n_head=2, n_positions=16))
settings = {"per_device_train_batch_size": 4, "learning_rate": 1e-2, "warmup_steps": 2, "weight_decay": 0.01, "logging_steps": 2}
settings |= {"report_to": [], "use_cpu": True, "disable_tqdm": True, "save_strategy": "epoch"}
where = tempfile.mkdtemp()
trainer = Trainer(model, TrainingArguments(where, num_train_epochs=2, **settings), train_dataset=examples)
trainer.train()
found = [step["loss"] for step in trainer.state.log_history if "loss" in step]
again = Trainer(model, TrainingArguments(where, num_train_epochs=3, **settings), train_dataset=examples)
again.train(resume_from_checkpoint=True)
found.append(again.evaluate(examples)["eval_loss"])
near(torch.tensor(found), [3.26241, 3.26831, 3.14674, 3.15671, 3.04524], 1e-4)
""",
    "kornia": """
import kornia
x = torch.linspace(0, 1, 192).reshape(1, 3, 8, 8).sin().requires_grad_()
blurred = kornia.filters.gaussian_blur2d(x, (3, 3), (1.0, 1.0))
turned = kornia.geometry.rotate(x, torch.tensor([30.0]))
found = torch.stack([blurred.sum(), kornia.filters.sobel(x).sum(), turned.sum(), kornia.color.rgb_to_hsv(x).sum()])
near(found, [88.25517, 5.98121, 74.6251, 329.1178], 1e-4)
found[:3].sum().backward()
near(x.grad.abs().sum(), 359.83743, 1e-4)
""",
    "opacus": """
from opacus import GradSampleModule, PrivacyEngine
net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(32, 3))
with torch.no_grad():
    for p in net.parameters():
        p.copy_(torch.arange(float(p.numel())).sin().reshape(p.shape))
sampled = GradSampleModule(net)
x = torch.arange(180.0).cos().reshape(5, 1, 6, 6)
F.cross_entropy(sampled(x), torch.tensor([0, 1, 2, 0, 1])).backward()
near(torch.stack([p.grad_sample.abs().sum() for p in sampled.parameters()]), [56.27304, 7.53717, 206.73471, 8.56091], 1e-4)
net = nn.Linear(4, 2)
data = torch.utils.data.TensorDataset(torch.randn(32, 4), torch.randint(2, (32,)))
engine = PrivacyEngine()
net, optimizer, loader = engine.make_private(
    module=net, optimizer=torch.optim.SGD(net.parameters(), lr=0.1), data_loader=torch.utils.data.DataLoader(data, batch_size=8),
    noise_multiplier=1.0, max_grad_norm=1.0,
)
for a, b in loader:
    optimizer.zero_grad()
    F.cross_entropy(net(a), b).backward()
    optimizer.step()
near(engine.get_epsilon(1e-5), 4.21616, 1e-3)
""",
    "pytorch_metric_learning": """
from pytorch_metric_learning import losses, miners
points = torch.arange(96.0).sin().reshape(12, 8).requires_grad_()
labels = torch.arange(12) % 3
found = []
for name in ("TripletMarginLoss", "ContrastiveLoss", "NTXentLoss", "CircleLoss", "MultiSimilarityLoss", "SupConLoss"):
    loss = getattr(losses, name)()(points, labels)
    (gradient,) = torch.autograd.grad(loss, points)
    found += [loss, gradient.abs().sum()]
figures = [0.68618, 0.8201, 1.93744, 0.94636, 15.39427, 12.3051, 297.77756, 80.39734, 1.88198, 0.73203, 11.00945, 8.70684]
near(torch.stack(found), figures, 1e-4)
assert [len(t) for t in miners.MultiSimilarityMiner()(points, labels)] == [36, 36, 82, 82]
""",
    "higher": """
import higher
net = nn.Linear(3, 1)
with torch.no_grad():
    net.weight.copy_(torch.tensor([[0.5, -0.2, 0.1]])), net.bias.fill_(0.3)
optimizer, x = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9), torch.arange(15.0).sin().reshape(5, 3)
with higher.innerloop_ctx(net, optimizer, copy_initial_weights=False) as (inner, steps):
    for _ in range(3):
        steps.step((inner(x) ** 2).mean())
    (inner(x) ** 2).mean().backward()
near(net.weight.grad, [[0.023301, 0.012139, -0.010184]])
""",
    "zuko": """
import zuko
flow = zuko.flows.NSF(3, transforms=2, hidden_features=[16])
with torch.no_grad():
    for p in flow.parameters():
        p.copy_(torch.arange(float(p.numel())).sin().reshape(p.shape) / 4)
loss = -flow().log_prob(torch.arange(21.0).cos().reshape(7, 3)).mean()
loss.backward()
near(torch.stack([loss, sum((p.grad**2).sum() for p in flow.parameters()).sqrt()]), [4.92012, 4.64426], 1e-4)
""",
    "torchvision": """
import torchvision
from torchvision import ops, transforms
from torchvision.transforms import v2
x = torch.arange(6144.0).sin().reshape(2, 3, 32, 32)
model = torchvision.models.resnet18(num_classes=4).double()
loss = F.cross_entropy(model(x.double()), torch.tensor([1, 3]))
loss.backward()
assert model.conv1.weight.grad.abs().sum() > 0 and len(model.state_dict()) == 122
vit = torchvision.models.VisionTransformer(32, 8, 2, 2, 16, 32, num_classes=4).eval()
with torch.no_grad():
    for p in vit.parameters():
        scale = 0.5 / p[0].numel() ** 0.5 if p.dim() > 1 else 0.5
        p.copy_(torch.arange(float(p.numel())).sin().reshape(p.shape) * scale)
near(vit(x).sum(1), [1.0689, 1.0689], 1e-4)
boxes = torch.tensor([[0.0, 0, 10, 10], [1, 1, 11, 12], [20, 20, 30, 30]])
near(ops.box_iou(boxes, boxes)[0], [1.0, 81 / 129, 0.0])
byte = (x[0] * 127 + 128).byte()
changes = [transforms.Resize(20), transforms.ColorJitter(0.2, 0.2, 0.2, 0.1), transforms.RandomRotation(10)]
changes += [transforms.RandomCrop(16, padding=2), transforms.ConvertImageDtype(torch.float32)]
torch.manual_seed(0)
near(transforms.Compose(changes)(byte).sum(), 254.4784, 1e-4)
changes = [v2.RandomResizedCrop(24), v2.RandomHorizontalFlip(1.0), v2.ToDtype(torch.float32, scale=True)]
from torchvision.models.feature_extraction import create_feature_extractor, get_graph_node_names
names = get_graph_node_names(model)[1]
assert len(names) == 70 and names[9:12] == ["layer1.0.bn2", "layer1.0.add", "layer1.0.relu_1"]
features = create_feature_extractor(model.eval(), {"layer2.0.relu": "middle", "avgpool": "end"})(x.double())
assert {name: tuple(y.shape) for name, y in features.items()} == {"middle": (2, 128, 4, 4), "end": (2, 512, 1, 1)}
near(model.fc(features["end"].flatten(1)), model(x.double()))
features = create_feature_extractor(vit, ["encoder.layers.encoder_layer_1.mlp"])(x)
assert features["encoder.layers.encoder_layer_1.mlp"].shape == (2, 17, 16)
resized = v2.Compose(changes)(byte)
assert resized.shape == (3, 24, 24) and abs(resized.sum() - 863.4668) < 1
""",
    "timm": """
import timm, timm.optim
from timm.models.vision_transformer import VisionTransformer
x = torch.arange(6144.0).sin().reshape(2, 3, 32, 32)
torch.manual_seed(0)
model = VisionTransformer(32, 8, num_classes=4, embed_dim=16, depth=2, num_heads=2)
optimizer = timm.optim.create_optimizer_v2(model, opt="lamb", lr=0.01)
losses = []
for _ in range(3):
    optimizer.zero_grad()
    losses.append(F.cross_entropy(model(x), torch.tensor([1, 3])))
    losses[-1].backward()
    optimizer.step()
near(torch.stack(losses), [1.3637, 1.1829, 1.0757], 1e-4)
near(timm.create_model("test_efficientnet", num_classes=4).eval()(x).abs().sum(), 0.0224, 1e-3)
traced = torch.fx.symbolic_trace(model.eval())
assert len(traced.graph.nodes) > 60
near(traced(x), model(x))
""",
    "peft": """
import os, tempfile
os.environ["HF_HUB_OFFLINE"] = "1"
from peft import IA3Config, LoraConfig, PeftModel, get_peft_model
from transformers import LlamaConfig, LlamaForCausalLM
sizes = {"vocab_size": 50, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
ids = torch.arange(14).reshape(2, 7) * 3 + 1
def base():
    torch.manual_seed(0)
    return LlamaForCausalLM(LlamaConfig(**sizes))
lora = LoraConfig(task_type="CAUSAL_LM", r=4, target_modules=["q_proj", "v_proj"])
ia3 = IA3Config(task_type="CAUSAL_LM", target_modules=["k_proj", "v_proj", "down_proj"], feedforward_modules=["down_proj"])
losses = []
for settings in (lora, ia3):
    model = get_peft_model(base(), settings)
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        losses.append(model(input_ids=ids, labels=ids).loss)
        losses[-1].backward()
        optimizer.step()
    assert model.get_nb_trainable_parameters()[0] == (512 if settings is lora else 128)
    where = tempfile.mkdtemp()
    model.save_pretrained(where)
    model.eval()
    losses.append(model(input_ids=ids, labels=ids).loss)
    near(PeftModel.from_pretrained(base(), where).eval()(input_ids=ids, labels=ids).loss, losses[-1])
    near(model.merge_and_unload()(input_ids=ids, labels=ids).loss, losses[-1])
near(torch.stack(losses), [3.96093, 3.8742, 3.82634, 3.81824, 3.96093, 3.95839, 3.95583, 3.95326], 1e-3)
""",
    "diffusers": """
import os
os.environ["HF_HUB_OFFLINE"] = "1"
from diffusers import DDIMScheduler, DDPMPipeline, DDPMScheduler, EulerDiscreteScheduler, UNet2DModel
torch.manual_seed(0)
unet = UNet2DModel(
    sample_size=8, layers_per_block=1, block_out_channels=(8, 16), norm_num_groups=4, attention_head_dim=4,
    down_block_types=("DownBlock2D", "AttnDownBlock2D"), up_block_types=("AttnUpBlock2D", "UpBlock2D"),
)
noising, optimizer = DDPMScheduler(50), torch.optim.AdamW(unet.parameters(), lr=1e-3)
x, noise, at = torch.rand(2, 3, 8, 8), torch.randn(2, 3, 8, 8), torch.tensor([3, 20])
found = []
for _ in range(3):
    optimizer.zero_grad()
    found.append(F.mse_loss(unet(noising.add_noise(x, noise, at), at).sample, noise))
    found[-1].backward()
    optimizer.step()
with torch.no_grad():
    for kind in (DDIMScheduler, EulerDiscreteScheduler):
        schedule, z = kind(50), noise
        schedule.set_timesteps(4)
        for t in schedule.timesteps:
            z = schedule.step(unet(schedule.scale_model_input(z, t), t).sample, t, z).prev_sample
        found.append(z.abs().mean())
pipe = DDPMPipeline(unet, noising)
pipe.set_progress_bar_config(disable=True)
images = pipe(num_inference_steps=3, generator=torch.Generator().manual_seed(0), output_type="np").images
near(torch.stack([*found, torch.tensor(images).mean()]), [1.06701, 0.921817, 0.863247, 0.661524, 0.775989, 0.532449], 1e-3)
""",
    "segmentation_models_pytorch": """
import segmentation_models_pytorch as smp
x, target = torch.arange(12288.0).sin().reshape(1, 3, 64, 64), (torch.arange(4096.0).cos() > 0).float().reshape(1, 1, 64, 64)
torch.manual_seed(0)
model = smp.Unet("resnet18", encoder_weights=None, decoder_channels=(32, 16, 16, 8, 8)).eval()
dice, focal = smp.losses.DiceLoss("binary"), smp.losses.FocalLoss("binary")
optimizer, losses = torch.optim.SGD(model.parameters(), lr=0.1), []
for _ in range(2):
    optimizer.zero_grad()
    losses.append(dice(model(x), target) + focal(model(x), target))
    losses[-1].backward()
    optimizer.step()
near(torch.stack(losses), [0.722205, 0.69362], 1e-3)
counts = smp.metrics.get_stats((x[:, :1] > 0).long(), target.long(), mode="binary")
assert [int(c) for c in counts] == [1025, 1022, 1022, 1027]
near(smp.metrics.iou_score(*counts), 0.333985)
""",
    "sentence_transformers": """
import os, tempfile
os.environ["HF_HUB_OFFLINE"] = "1"
from sentence_transformers import SentenceTransformer, losses, models, util
from transformers import BertConfig, BertModel, BertTokenizerFast
where = tempfile.mkdtemp()
words = "[PAD] [UNK] [CLS] [SEP] [MASK] the cat sat on a mat dog ran away sun is hot rain was cold".split()
with open(where + "/vocab.txt", "w") as file:
    file.write("\\n".join(words))
BertTokenizerFast(where + "/vocab.txt").save_pretrained(where)
torch.manual_seed(0)
sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
BertModel(BertConfig(vocab_size=len(words), **sizes)).save_pretrained(where)
model = SentenceTransformer(modules=[models.Transformer(where, max_seq_length=16), models.Pooling(16)], device="cpu").eval()
said = ["the cat sat on a mat", "the dog ran away", "the sun is hot", "rain was cold"]
vectors = model.encode(said, convert_to_tensor=True)
near(util.cos_sim(vectors, vectors)[0], [1.0, 0.844378, 0.755124, 0.794481], 1e-4)
assert util.semantic_search(vectors[:1], vectors, top_k=1)[0][0]["corpus_id"] == 0
found = []
for kind in (losses.CosineSimilarityLoss, losses.MultipleNegativesRankingLoss, losses.CoSENTLoss):
    model.zero_grad()
    found.append(kind(model)([model.tokenize(said[:2]), model.tokenize(said[2:])], torch.tensor([1.0, 0.0])))
    found[-1].backward()
    found.append(sum((p.grad**2).sum() for p in model.parameters() if p.grad is not None).sqrt())
near(torch.stack(found), [0.369292, 5.02394, 1.20225, 50.3422, 1.59897, 135.518], 1e-3)
model.save(where + "/saved")
near(SentenceTransformer(where + "/saved", device="cpu").encode(said), vectors)
""",
    "snntorch": """
import snntorch as snn
from snntorch import functional, spikegen, surrogate
torch.manual_seed(0)
spikes = spikegen.rate(torch.rand(8, 5), num_steps=10)
assert spikes.shape == (10, 8, 5) and spikes.sum() == 192
first, second = nn.Linear(5, 16), nn.Linear(16, 3)
hidden = snn.Leaky(beta=0.9, spike_grad=surrogate.fast_sigmoid())
out = snn.Synaptic(alpha=0.9, beta=0.8, learn_beta=True)
optimizer = torch.optim.Adam([*first.parameters(), *second.parameters(), *out.parameters()], lr=0.05)
losses = []
for _ in range(4):
    (synapse, membrane), inner, fired = out.init_synaptic(), hidden.init_leaky(), []
    for step in spikes:
        spike, inner = hidden(first(step), inner)
        spike, synapse, membrane = out(second(spike), synapse, membrane)
        fired.append(spike)
    losses.append(functional.ce_rate_loss()(torch.stack(fired), torch.arange(8) % 3))
    optimizer.zero_grad()
    losses[-1].backward()
    optimizer.step()
near(torch.cat(losses), [1.25215, 1.10685, 1.06891, 1.04525], 1e-4)
""",
    "monai": """
import monai
from monai.losses import DiceLoss
from monai.networks.nets import UNet
from monai.transforms import Compose, RandFlip, Resize, ScaleIntensity
torch.manual_seed(0)
image = torch.rand(1, 20, 24)
change = Compose([ScaleIntensity(), RandFlip(1.0, spatial_axis=0), Resize((16, 16))])
changed = change(image)
near(changed.array.sum(), 125.15584, 1e-2)
x = torch.stack([torch.as_tensor(changed).as_subclass(torch.Tensor), torch.rand(1, 16, 16)])
y = (torch.rand(2, 1, 16, 16) > 0.5).float()
model = UNet(2, 1, 1, (4, 8), (2,), num_res_units=1, dropout=0.1)
optimizer, losses = torch.optim.Adam(model.parameters(), lr=0.01), []
for _ in range(4):
    optimizer.zero_grad()
    losses.append(DiceLoss(sigmoid=True)(model(x), y))
    losses[-1].backward()
    optimizer.step()
near(torch.stack(losses), [0.458655, 0.453488, 0.44289, 0.431013], 1e-4)
""",
    "backpack": """
from backpack import backpack, extend
from backpack.extensions import BatchGrad, DiagGGNExact, KFAC, Variance
torch.manual_seed(0)
model = extend(nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU(), nn.Flatten(), nn.Linear(48, 4), nn.Sigmoid(), nn.Linear(4, 3)))
loss = extend(nn.CrossEntropyLoss())
x, y = torch.randn(5, 1, 6, 6), torch.tensor([0, 2, 1, 1, 0])
with backpack(BatchGrad(), DiagGGNExact(), KFAC(mc_samples=1), Variance()):
    loss(model(x), y).backward()
weight = model[3].weight
near(weight.grad_batch.sum(0), weight.grad.tolist(), 1e-6)
found = torch.stack([weight.diag_ggn_exact.sum(), weight.variance.sum(), weight.kfac[1].trace()])
near(found, [0.0473862, 0.00142453, 2.46126], 1e-4)
""",
    "rtdl_revisiting_models": """
from rtdl_revisiting_models import FTTransformer
torch.manual_seed(0)
x, kinds, y = torch.randn(8, 3), torch.arange(16).reshape(8, 2) % 2, torch.randn(8, 1)
model = FTTransformer(n_cont_features=3, cat_cardinalities=[2, 4], d_out=1, **FTTransformer.get_default_kwargs(n_blocks=1))
optimizer, losses = model.make_default_optimizer(), []
for _ in range(3):
    optimizer.zero_grad()
    losses.append(F.mse_loss(model(x, kinds), y))
    losses[-1].backward()
    optimizer.step()
near(torch.stack(losses), [1.723861, 1.535407, 1.332894], 1e-4)
""",
    "pytorch_optimizer": """
import pytorch_optimizer
x, y = torch.arange(32.0).sin().reshape(8, 4), torch.arange(32.0).cos().reshape(8, 4)
kinds = "adabelief adamp adan came diffgrad lion madgrad prodigy schedulefreeadamw soap sophiah tiger".split()
found = []
for kind in kinds:
    torch.manual_seed(1)
    model = nn.Linear(4, 4)
    optimizer = pytorch_optimizer.load_optimizer(kind)(model.parameters(), lr=0.01)
    for _ in range(3):
        optimizer.zero_grad()
        loss = F.mse_loss(model(x), y)
        loss.backward(create_graph=kind == "sophiah")
        optimizer.step()
    found.append(loss.detach())
right = [0.440472, 0.446608, 0.446508, 0.119296, 0.467582, 0.446495, 0.475564, 0.4916, 0.456557, 0.48011, 0.491133, 0.446479]
near(torch.stack(found), right, 1e-4)
""",
    "torchsde": """
import torchsde
class Equation(nn.Module):
    noise_type, sde_type = "diagonal", "ito"
    def __init__(self):
        super().__init__()
        self.drift, self.noise = nn.Linear(3, 3), nn.Linear(3, 3)
    def f(self, t, y):
        return torch.tanh(self.drift(y))
    def g(self, t, y):
        return torch.sigmoid(self.noise(y))
equation, start, times, found = Equation(), torch.full((4, 3), 0.1), torch.linspace(0, 1, 5), []
for solve, method in ((torchsde.sdeint, "euler"), (torchsde.sdeint_adjoint, "milstein")):
    equation.zero_grad()
    path = torchsde.BrownianInterval(0.0, 1.0, size=(4, 3), entropy=7)
    ends = solve(equation, start, times, bm=path, method=method, dt=0.1)[-1]
    ends.sum().backward()
    found += [ends.sum(), equation.drift.weight.grad.sum(), equation.noise.bias.grad.sum()]
near(torch.stack(found), [-0.1134, 0.973441, -0.122228, -0.050573, 0.585311, -0.181267], 1e-4)
""",
    "nflows": """
from nflows import distributions, flows, transforms
steps = [
    transforms.ReversePermutation(2), transforms.MaskedAffineAutoregressiveTransform(2, 4),
    transforms.MaskedPiecewiseRationalQuadraticAutoregressiveTransform(2, 8, tails="linear", tail_bound=3.0),
]
flow = flows.Flow(transforms.CompositeTransform(steps), distributions.StandardNormal([2]))
optimizer, x, losses = torch.optim.Adam(flow.parameters(), lr=0.05), torch.randn(16, 2), []
for _ in range(4):
    optimizer.zero_grad()
    losses.append(-flow.log_prob(x).mean())
    losses[-1].backward()
    optimizer.step()
there, logarithm = flow._transform(x)
near(flow._transform.inverse(there)[0], x, 1e-3)
near(torch.stack(losses), [4.01031, 3.57775, 2.83489, 3.04409], 1e-4)
""",
    "geomloss": """
from geomloss import SamplesLoss
x, y = torch.rand(10, 2, requires_grad=True), torch.rand(12, 2)
found = []
for kind, blur in (("sinkhorn", 0.05), ("gaussian", 0.5), ("energy", 0.5), ("laplacian", 0.5)):
    loss = SamplesLoss(kind, blur=blur)(x, y)
    (slope,) = torch.autograd.grad(loss, x)
    found += [loss, slope.abs().sum()]
near(torch.stack(found), [0.045297, 0.26288, 0.026918, 0.259858, 0.033598, 0.286015, 0.045687, 0.338766], 1e-4)
""",
    "autoray": """
import autoray
from torch.nn.modules.linear import Linear
x = torch.tensor([[2.0, 1.0], [1.0, 3.0]], requires_grad=True)
assert [autoray.infer_backend(value) for value in (x, nn.Parameter(x.detach()), 1.0)] == ["torch", "torch", "builtins"]
assert Linear.__module__ == type(nn.Linear(1, 1)).__module__ == "torch.nn.modules.linear"
values = autoray.do("linalg.eigvalsh", x)
autoray.do("sum", autoray.do("einsum", "ab,b->a", x, values)).backward()
found = torch.cat([values, x.grad.reshape(-1), autoray.do('array', autoray.to_numpy(x.detach()), like='torch').sum()[None]])
near(found, [1.38197, 3.61803, 4.65836, 4.06525, 1.82918, 7.34164, 7.0], 1e-4)
""",
    "xitorch": """
import xitorch, xitorch.integrate, xitorch.linalg, xitorch.optimize
matrix = torch.diag(torch.arange(1.0, 6).double()) + 0.1
operator = xitorch.LinearOperator.m(matrix)
a = torch.tensor([2.0, 10.0], dtype=torch.double, requires_grad=True)
root = xitorch.optimize.rootfinder(lambda y, a: y**3 + y - a, torch.ones(2).double(), (a,))
root.sum().backward()
area = xitorch.integrate.quad(lambda x, a: torch.exp(-a * x), 0.0, 1.0, params=(a.detach(),))
solved = xitorch.linalg.solve(operator, torch.ones(5, 1).double())[:, 0]
found = torch.cat([xitorch.linalg.symeig(operator, 2)[0], solved, root, a.grad, area])
right = [1.08191, 2.0905, 0.814111, 0.407056, 0.27137, 0.203528, 0.162822, 1.0, 2.0, 0.25, 0.0769231, 0.432332, 0.0999955]
near(found, right, 1e-4)
""",
    "roma": """
import roma
q = roma.random_unitquat(3)
turned = roma.unitquat_to_rotmat(q)
vectors = roma.rotmat_to_rotvec(turned)
near(roma.rotvec_to_rotmat(vectors), turned)
m = torch.arange(18.0).sin().reshape(2, 3, 3).requires_grad_()
nearest = roma.special_procrustes(m)
nearest[:, 0].sum().backward()
x = torch.arange(15.0).cos().reshape(5, 3)
rotation, shift = roma.rigid_points_registration(x, x @ turned[0].T + 2)
near(rotation, turned[0], 1e-4)
between = roma.rotmat_slerp(turned[0], turned[1], torch.tensor(0.3))[0]
right = [-1.16482, -1.06621, -0.0974957, 0.279175, 0.959872, 0.0265922, 0.691354, -0.038395, 0.519452]
right += [0.488128, 0.611963, -0.62228, 2.0, 2.0, 2.0]
near(torch.cat([vectors[0], nearest[0, 0], m.grad[1, 2], between, shift]), right, 1e-4)
""",
}


@pytest.mark.parametrize("library", PROGRAMS)
def test_first_examples_run_and_are_right(library, tmp_path):
    if importlib.util.find_spec(library) is None:
        pytest.skip(f"{library} is not installed")
    environment = {**os.environ, "PYTHONPATH": ":".join(sys.path), "TMPDIR": str(tmp_path), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", PRELUDE + PROGRAMS[library]]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
