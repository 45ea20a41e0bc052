"""Parity with pytorch-crf on random input, and with python-crfsuite on a model that it trained."""

import pycrfsuite
import pytest
import torch
import torchcrf

from lib.sequences import crf

TEXT = "the old man and the sea a man saw the old sea and a saw"
LABELS = {"the": "D", "a": "D", "old": "A", "man": "N", "sea": "N", "saw": "V", "and": "C"}


@pytest.mark.parametrize("num_tags", [2, 7])
def test_parity_with_pytorch_crf(make_problem, num_tags):
    problem = make_problem(lengths=(9, 1, 5), num_tags=num_tags).requiring_grad()
    emissions = problem.emissions.detach().nan_to_num(0.0).requires_grad_()
    tags = problem.tags.clamp_min(0)  # pytorch-crf raises IndexError at −100
    peer = torchcrf.CRF(num_tags, batch_first=True).double()
    with torch.no_grad():
        peer.transitions.copy_(problem.scores["transitions"])
        peer.start_transitions.copy_(problem.scores["start"])
        peer.end_transitions.copy_(problem.scores["end"])
    loss = problem(lambda e, **s: crf.negative_log_likelihood(e, problem.tags, **s))
    log_likelihood = peer(emissions, tags, problem.mask, reduction="none")
    torch.testing.assert_close(loss, -log_likelihood)
    ours = torch.autograd.grad(loss.sum(), problem.inputs)
    inputs = [emissions, peer.transitions, peer.start_transitions, peer.end_transitions]
    theirs = torch.autograd.grad(-log_likelihood.sum(), inputs)
    torch.testing.assert_close(ours, theirs)
    paths, _ = problem(crf.viterbi)
    decoded = peer.decode(emissions, problem.mask.byte().bool())
    for path, expected, length in zip(paths, decoded, problem.lengths, strict=True):
        assert path[:length].tolist() == expected


def attributes(words):
    """Describe each word by itself, its last letter and the word before."""
    return [
        [word, f"ends {word[-1]}", f"after {before}"]
        for word, before in zip(words, ["-", *words], strict=False)
    ]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Train a tiny model with crfsuite; return its tagger and our scores for it."""
    path = str(tmp_path_factory.mktemp("crfsuite") / "model")
    trainer = pycrfsuite.Trainer(algorithm="lbfgs", verbose=False)
    trainer.set_params({"c2": 0.1, "feature.possible_transitions": True, "max_iterations": 50})
    text = TEXT.split()
    for start in range(len(text) - 5):
        words = text[start : start + 5]
        trainer.append(attributes(words), [LABELS[word] for word in words])
    trainer.train(path)
    tagger = pycrfsuite.Tagger()
    tagger.open(path)
    labels, info = tagger.labels(), tagger.info()
    weights = [[info.transitions.get((a, b), 0.0) for b in labels] for a in labels]

    def emissions(words):
        return torch.tensor(
            [
                [sum(info.state_features.get((a, label), 0.0) for a in found) for label in labels]
                for found in attributes(words)
            ],
            dtype=torch.float64,
        )

    return tagger, labels, torch.tensor(weights, dtype=torch.float64), emissions


@pytest.mark.parametrize(
    "sentence", ["the old man saw a sea", "sea sea sea", "man", "and unknown the words saw"]
)
def test_parity_with_crfsuite_on_its_own_model(trained, sentence):
    tagger, labels, transitions, emissions = trained
    words = sentence.split()
    scores = emissions(words)[None]
    assert transitions.abs().max() > 0.5  # crfsuite learned something
    tagger.set(attributes(words))
    marginals = crf.marginals(scores, transitions)[0]
    expected = [[tagger.marginal(label, t) for label in labels] for t in range(len(words))]
    # crfsuite prints its weights with six decimals: they are all that its model file says here.
    torch.testing.assert_close(
        marginals, torch.tensor(expected, dtype=torch.float64), atol=2e-5, rtol=0
    )
    best, _ = crf.viterbi(scores, transitions)
    assert [labels[tag] for tag in best[0]] == tagger.tag()
    generator = torch.Generator().manual_seed(0)
    for path in torch.randint(len(labels), (5, len(words)), generator=generator):
        loss = crf.negative_log_likelihood(scores, path[None], transitions)
        probability = tagger.probability([labels[tag] for tag in path])
        assert (-loss).exp().item() == pytest.approx(probability, rel=1e-4, abs=1e-12)
