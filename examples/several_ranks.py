"""One model, trained on several ranks: `metagrad launch -n 2 examples/several_ranks.py`, or `python examples/several_ranks.py`."""

import metagrad
from metagrad import distributed as dist
from metagrad import nn, optim
from metagrad.nn.parallel import DistributedDataParallel
from metagrad.utils.data import DataLoader, DistributedSampler, TensorDataset

dist.init_process_group()
rank, ranks = dist.get_rank(), dist.get_world_size()

metagrad.manual_seed(0)
x = metagrad.randn(4096, 8)
data = TensorDataset(x, (x[:, :1] * x[:, 1:2]).sign())
sampler = DistributedSampler(data, num_replicas=ranks, rank=rank)
model = DistributedDataParallel(
    nn.Sequential(nn.Linear(8, 64), nn.GELU(), nn.Linear(64, 64), nn.GELU(), nn.Linear(64, 1))
)
optimizer = optim.Adam(model.parameters(), lr=3e-3)

for epoch in range(5):
    sampler.set_epoch(epoch)
    total = metagrad.zeros(1)
    for inputs, signs in DataLoader(data, batch_size=256 // ranks, sampler=sampler):
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(inputs), signs)
        loss.backward()
        optimizer.step()
        total += loss.detach() / 16
    dist.all_reduce(total, dist.ReduceOp.AVG)
    if rank == 0:
        print(f"epoch {epoch + 1}: loss {total.item():.4f}, {ranks} ranks")
