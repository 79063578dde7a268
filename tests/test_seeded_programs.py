"""Whole training programs, written once for either library: from one seed, metagrad's losses are PyTorch's.

Weights, batches, dropout, noise and samples are all drawn from the seed, so a difference anywhere in a program shows in its
losses.
"""

import pytest

import metagrad


@pytest.fixture(autouse=True)
def pytorchs_numbers():
    metagrad.random.use_numbers_of("pytorch")
    yield
    metagrad.random.use_numbers_of("metagrad")


def digits(t):
    """Convolutions, dropout, a scheduler; training and evaluation by turns."""
    nn = t.nn
    model = nn.Sequential(
        nn.Conv2d(1, 8, 3), nn.ReLU(), nn.Conv2d(8, 16, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout2d(0.25), nn.Flatten(),
        nn.Linear(400, 32), nn.ReLU(), nn.Dropout(0.5), nn.Linear(32, 10),
    )  # fmt: skip
    optimizer = t.optim.Adadelta(model.parameters(), lr=1.0)
    scheduler = t.optim.lr_scheduler.StepLR(optimizer, 1, gamma=0.7)
    data = t.utils.data.TensorDataset(t.randn(64, 1, 14, 14), t.randint(10, (64,)))
    for _ in range(2):
        model.train()
        for x, y in t.utils.data.DataLoader(data, 16, shuffle=True):
            loss = nn.functional.cross_entropy(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            yield loss
        scheduler.step()
        model.eval()
        with t.no_grad():
            yield nn.functional.cross_entropy(model(data.tensors[0]), data.tensors[1])


def adversaries(t):
    """Two networks against each other, with activations in place and batch normalization."""
    nn = t.nn
    make = nn.Sequential(
        nn.ConvTranspose2d(8, 16, 4, 1, 0, bias=False), nn.BatchNorm2d(16), nn.ReLU(True),
        nn.ConvTranspose2d(16, 1, 4, 2, 1, bias=False), nn.Tanh(),
    )  # fmt: skip
    judge = nn.Sequential(
        nn.Conv2d(1, 8, 4, 2, 1, bias=False), nn.LeakyReLU(0.2, inplace=True), nn.Conv2d(8, 1, 4, 1, 0), nn.Sigmoid()
    )
    for module in [*make, *judge]:
        if "Conv" in type(module).__name__:
            nn.init.normal_(module.weight, 0.0, 0.02)
    of_judge = t.optim.Adam(judge.parameters(), 2e-3, betas=(0.5, 0.999))
    of_maker = t.optim.Adam(make.parameters(), 2e-3, betas=(0.5, 0.999))
    real, right = t.randn(8, 1, 8, 8), nn.BCELoss()
    for _ in range(3):
        judge.zero_grad()
        fake = make(t.randn(8, 8, 1, 1))
        loss = right(judge(real).view(-1), t.ones(8)) + right(judge(fake.detach()).view(-1), t.zeros(8))
        loss.backward()
        of_judge.step()
        make.zero_grad()
        fooled = right(judge(fake).view(-1), t.ones(8))
        fooled.backward()
        of_maker.step()
        yield from (loss, fooled)


def language_model(t):
    """An LSTM that goes on from its last state, tied weights, clipping, and steps by hand."""
    nn = t.nn
    words, lstm, scores = nn.Embedding(20, 16), nn.LSTM(16, 16, 2, dropout=0.2), nn.Linear(16, 20)
    scores.weight = words.weight
    nn.init.uniform_(words.weight, -0.1, 0.1)
    parameters = [*words.parameters(), *lstm.parameters(), scores.bias]
    text, state = t.randint(20, (41, 4)), None
    for i in range(0, 40, 10):
        y, state = lstm(nn.functional.dropout(words(text[i : i + 10]), 0.2), state)
        state = tuple(s.detach() for s in state)
        loss = nn.functional.cross_entropy(scores(y).view(-1, 20), text[i + 1 : i + 11].reshape(-1))
        loss.backward()
        yield nn.utils.clip_grad_norm_(parameters, 0.25)
        for p in parameters:
            p.data.add_(p.grad, alpha=-5)
            p.grad = None
        yield loss


def vision_transformer(t):
    """Patches, a class token, layers with the batch first and normalization before, label smoothing, momentum."""
    nn = t.nn
    patches, token = nn.Conv2d(3, 16, 4, 4), nn.Parameter(t.zeros(1, 1, 16))
    places = nn.Parameter(t.randn(1, 10, 16) * 0.02)
    layer = nn.TransformerEncoderLayer(16, 4, 32, activation="gelu", batch_first=True, norm_first=True)
    encoder, scores = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False), nn.Linear(16, 5)
    parameters = [*patches.parameters(), token, places, *encoder.parameters(), *scores.parameters()]
    optimizer = t.optim.SGD(parameters, 0.05, momentum=0.9, weight_decay=1e-4)
    x, y = t.randn(8, 3, 12, 12), t.randint(5, (8,))
    for _ in range(4):
        rows = patches(x).flatten(2).transpose(1, 2)
        rows = t.cat([token.expand(len(x), -1, -1), rows], 1) + places
        loss = nn.CrossEntropyLoss(label_smoothing=0.1)(scores(encoder(rows)[:, 0]), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        yield loss


def generator_of_text(t):
    """Causal attention with dropout, two groups of parameters, and text drawn from the model at the end."""
    nn, F = t.nn, t.nn.functional
    words, places, out = nn.Embedding(30, 16), nn.Embedding(12, 16), nn.Linear(16, 30, bias=False)
    norm, attention, fold, mix = nn.LayerNorm(16), nn.Linear(16, 48), nn.Linear(16, 16), nn.Linear(16, 16)
    modules = nn.ModuleList([words, places, out, norm, attention, fold, mix])

    def model(x, p):
        h = words(x) + places(t.arange(x.shape[1]))
        q, k, v = (a.view(*a.shape[:2], 2, 8).transpose(1, 2) for a in attention(norm(h)).split(16, 2))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True, dropout_p=p)
        h = h + fold(y.transpose(1, 2).flatten(2))
        return out(h + F.dropout(F.gelu(mix(norm(h))), p))

    wide, flat = ([p for p in modules.parameters() if (p.dim() > 1) == many] for many in (True, False))
    optimizer = t.optim.AdamW([{"params": wide, "weight_decay": 0.1}, {"params": flat, "weight_decay": 0.0}], lr=1e-2)
    text = t.randint(30, (200,))
    for _ in range(4):
        x = t.stack([text[i : i + 13] for i in t.randint(187, (4,))])
        loss = F.cross_entropy(model(x[:, :-1], 0.1).flatten(0, 1), x[:, 1:].flatten())
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        yield loss
    said = t.zeros(1, 1, dtype=t.long)
    with t.no_grad():
        for _ in range(8):
            likely, which = t.topk(model(said, 0.0)[:, -1] / 0.8, 5)
            said = t.cat([said, which.gather(1, t.multinomial(likely.softmax(-1), 1))], 1)
    yield from said[0]


def policy(t):
    """Actions drawn from a policy, and its gradient weighted with what they brought."""
    nn = t.nn
    model = nn.Sequential(nn.Linear(4, 16), nn.Dropout(0.6), nn.ReLU(), nn.Linear(16, 2))
    optimizer = t.optim.Adam(model.parameters(), 1e-2)
    for _ in range(3):
        state, logs, gains = t.randn(4), [], []
        for _ in range(10):
            choice = t.distributions.Categorical(logits=model(state))
            action = choice.sample()
            logs.append(choice.log_prob(action))
            gains.append(float(action.item() == (state[0] > 0).item()))
            state = state * 0.9 + 0.1 * t.randn(4)
        gained = t.tensor(gains).flip(0).cumsum(0).flip(0)
        loss = -(t.stack(logs) * (gained - gained.mean()) / (gained.std() + 1e-8)).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        yield from (loss, gained[0])


def sines(t):
    """Cells of an LSTM in float64, under L-BFGS."""
    nn = t.nn
    cell, out = nn.LSTMCell(1, 8).double(), nn.Linear(8, 1).double()
    optimizer = t.optim.LBFGS([*cell.parameters(), *out.parameters()], lr=0.8)
    x = t.sin(t.arange(20.0, dtype=t.float64) / 3 + t.randint(-8, 8, (4, 1)))
    losses = []

    def closure():
        optimizer.zero_grad()
        state, found = None, []
        for now in x[:, :-1].split(1, 1):
            state = cell(now, state)
            found.append(out(state[0]))
        loss = nn.functional.mse_loss(t.cat(found, 1), x[:, 1:])
        loss.backward()
        losses.append(loss)
        return loss

    optimizer.step(closure)
    yield from losses


def diffusion(t):
    """Noise added and guessed, with group normalization, upsampling, and an average of the weights that then denoises."""
    nn, F = t.nn, t.nn.functional
    model = nn.Sequential(
        nn.Conv2d(2, 8, 3, padding=1), nn.GroupNorm(2, 8), nn.SiLU(), nn.Conv2d(8, 8, 3, 2, 1), nn.Mish(True),
        nn.Upsample(scale_factor=2, mode="bilinear"), nn.Conv2d(8, 1, 3, padding=1),
    )  # fmt: skip
    optimizer, x = t.optim.RAdam(model.parameters(), 1e-2), t.randn(6, 1, 8, 8)
    left = t.cumprod(1 - t.linspace(1e-4, 0.2, 20), 0)
    averages = {name: value.clone() for name, value in model.state_dict().items()}

    def guess(noisy, step):
        when = (step / 20).view(-1, 1, 1, 1).expand(-1, 1, 8, 8)
        return model(t.cat([noisy, when], 1))

    for _ in range(4):
        step, noise = t.randint(20, (6,)), t.randn_like(x)
        share = left[step].view(-1, 1, 1, 1)
        loss = F.mse_loss(guess(share.sqrt() * x + (1 - share).sqrt() * noise, step), noise)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        for name, value in model.state_dict().items():
            averages[name].mul_(0.9).add_(value, alpha=0.1)
        yield loss
    model.load_state_dict(averages)
    with t.no_grad():
        yield guess(t.randn(2, 1, 8, 8), t.tensor([1, 2])).square().mean()


def sequence_to_sequence(t):
    """A Transformer with padding and causal masks, Xavier's weights and a warm-up."""
    nn = t.nn
    model, words, out = (
        nn.Transformer(8, 2, 2, 2, 16, dropout=0.1, batch_first=True),
        nn.Embedding(12, 8),
        nn.Linear(8, 12),
    )
    for p in model.parameters():
        if p.dim() > 1:
            nn.init.xavier_uniform_(p)
    parameters = [*model.parameters(), *words.parameters(), *out.parameters()]
    optimizer = t.optim.Adam(parameters, lr=1e-2, betas=(0.9, 0.98), eps=1e-9)
    scheduler = t.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min((step + 1) ** -0.5, (step + 1) * 4**-1.5))
    source, target = t.randint(1, 12, (4, 7)), t.randint(1, 12, (4, 6))
    source[1, 5:], target[2, 4:] = 0, 0

    def hidden(ids):
        return t.zeros(ids.shape).masked_fill(ids == 0, -float("inf"))

    for _ in range(4):
        y = model(
            words(source), words(target[:, :-1]), tgt_mask=t.triu(t.full((5, 5), -float("inf")), 1),
            src_key_padding_mask=hidden(source), memory_key_padding_mask=hidden(source),
            tgt_key_padding_mask=hidden(target[:, :-1]),
        )  # fmt: skip
        loss = nn.functional.cross_entropy(out(y).transpose(1, 2), target[:, 1:], ignore_index=0)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()
        yield loss


PROGRAMS = [
    digits, adversaries, language_model, vision_transformer, generator_of_text, policy, sines, diffusion, sequence_to_sequence,
]  # fmt: skip


def losses_of(program, t):
    t.manual_seed(1)
    return [x.item() for x in program(t)]


@pytest.mark.oracle
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
def test_losses_are_pytorchs_from_the_seed_on(torch, program, request):
    if program not in (adversaries, sines, diffusion):  # the others have dropout
        request.getfixturevalue("pytorchs_masks")
    assert losses_of(program, metagrad) == pytest.approx(losses_of(program, torch), rel=2e-4, abs=2e-5)


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
def test_the_same_seed_gives_the_same_losses(program):
    assert losses_of(program, metagrad) == losses_of(program, metagrad)
