"""Attention over relative poses, against sums written out pair by pair."""

import math

import torch

from drive.networks.relative import (
    AgentAttention,
    LineAttention,
    Pairs,
    line_headings,
    nearest_lines,
)


def _pairs(generator: torch.Generator) -> Pairs:
    """Three agents, five lines of which each looks at two; the last agent is not there."""
    visible = torch.tensor([True, True, False])
    return Pairs(
        line=torch.randn(1, 3, 2, 4, generator=generator),
        line_index=torch.tensor([[[0, 3], [4, 1], [2, 0]]]),
        line_visible=torch.tensor([[[True, True], [True, False], [False, False]]]),
        agent=torch.randn(1, 3, 3, 4, generator=generator),
        agent_visible=(visible[:, None] & visible).unsqueeze(0),
    )


def _heads(vector: torch.Tensor, h: int) -> torch.Tensor:
    return vector.reshape(2, 3)[h]  # two heads of width 3


def test_agent_attention_is_the_sum_over_pairs() -> None:
    generator = torch.Generator().manual_seed(0)
    torch.manual_seed(0)
    layer, pairs = AgentAttention(6, 2, 4), _pairs(generator)
    layer.out = torch.nn.Identity()  # type: ignore[assignment]
    x = torch.randn(1, 2, 3, 6, generator=generator)
    out = layer(x, pairs)
    for f in range(2):
        query, key, value = layer.query_key_value(x[0, f]).reshape(3, 3, 6).unbind(1)
        for i in range(3):
            for h in range(2):
                scores, values = [], []
                for j in range(3):
                    if not pairs.agent_visible[0, i, j]:
                        continue
                    r = pairs.agent[0, i, j]
                    k = _heads(key[j], h) + layer.pair_key[h] @ r
                    scores.append(_heads(query[i], h) @ k / math.sqrt(3))
                    values.append(_heads(value[j], h) + r @ layer.pair_value[h])
                expected = torch.zeros(3)
                if scores:
                    expected = torch.softmax(torch.stack(scores), 0) @ torch.stack(values)
                torch.testing.assert_close(_heads(out[0, f, i], h), expected)


def test_line_attention_is_the_sum_over_pairs() -> None:
    generator = torch.Generator().manual_seed(0)
    torch.manual_seed(0)
    layer, pairs = LineAttention(6, 2, 4), _pairs(generator)
    layer.out = torch.nn.Identity()  # type: ignore[assignment]
    x = torch.randn(1, 2, 3, 6, generator=generator)
    line = torch.randn(1, 5, 6, generator=generator)
    out = layer(x, line, pairs)
    key, value = layer.key_value(line[0]).chunk(2, dim=-1)
    for f in range(2):
        query = layer.query(x[0, f])
        for i in range(3):
            for h in range(2):
                scores, values = [], []
                for slot, j in enumerate(pairs.line_index[0, i].tolist()):
                    if not pairs.line_visible[0, i, slot]:
                        continue
                    k_r, v_r = layer.pair(pairs.line[0, i, slot]).chunk(2)
                    k = _heads(key[j], h) + _heads(k_r, h)
                    scores.append(_heads(query[i], h) @ k / math.sqrt(3))
                    values.append(_heads(value[j], h) + _heads(v_r, h))
                expected = torch.zeros(3)
                if scores:
                    expected = torch.softmax(torch.stack(scores), 0) @ torch.stack(values)
                torch.testing.assert_close(_heads(out[0, f, i], h), expected)


def test_who_sees_nobody_has_finite_gradients() -> None:
    torch.manual_seed(0)
    layer, pairs = AgentAttention(6, 2, 4), _pairs(torch.Generator().manual_seed(0))
    x = torch.randn(1, 1, 3, 6, requires_grad=True)
    layer(x, pairs).sum().backward()
    assert x.grad is not None
    assert torch.isfinite(x.grad).all()


def test_nearest_lines_are_the_nearest() -> None:
    generator = torch.Generator().manual_seed(1)
    frame = torch.randn(2, 3, 3, generator=generator) * 10
    line = torch.randn(2, 7, 4, 3, generator=generator) * 20
    there = torch.rand(2, 7, 4, generator=generator) < 0.7
    there[:, 5] = False  # a line without points
    near = nearest_lines(frame, line, there, 6)
    for b in range(2):
        for n in range(3):
            gaps = []
            for e in range(7):
                points = line[b, e, there[b, e], :2]
                gap = (points - frame[b, n, :2]).norm(dim=-1)
                gaps.append(gap.min().item() if len(points) else math.inf)
            order = sorted(range(7), key=lambda e: gaps[e])
            known = [e for e in order[:6] if gaps[e] < math.inf]
            assert near.index[b, n][near.valid[b, n]].tolist() == known
            for slot, e in enumerate(known):
                x, y, _ = near.pose[b, n, slot].tolist()
                assert math.isclose(math.hypot(x, y), gaps[e], rel_tol=1e-4)


def test_a_line_heads_to_its_next_point_and_at_its_end_as_before() -> None:
    line = torch.tensor([[[[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [1.0, 1.0]]]])
    there = torch.tensor([[[True, True, True, False]]])
    heading = line_headings(line, there)
    torch.testing.assert_close(heading[0, 0, :3], torch.tensor([0.0, math.pi / 2, math.pi / 2]))
