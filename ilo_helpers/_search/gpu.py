"""The float32 search of :mod:`.knn` on a GPU, which holds as many points as it has room for."""

import numpy as np

from ..arithmetic import fast_matmul


def propose_on(device, search, rows, values, ids, side, bar):
    """Fill lists as ``search.propose`` says, a block of all points after the other.

    Half of what is free there is for a block of points, and for scores and lists of some rows.
    """
    import torch

    half, count = torch.from_numpy(search.half).to(device), values.shape[1]
    torch.cuda.empty_cache()  # what torch keeps for later is not counted as free
    room = torch.cuda.mem_get_info(device)[0] // 2
    side = max(1, min(side, room // (80 * count)))  # lists and their merging take half of it
    columns = max(count, side, room // (8 * search.points.shape[1] + 24 * side))
    blocks = range(0, len(search.points), columns)
    bar.total += len(blocks) * -(-len(rows) // side)
    with fast_matmul("float32"):
        for j in blocks:
            theirs = None  # the block before, gone before the next is there
            theirs = _sent(device, search, range(len(search.points))[j : j + columns], side)
            for i in range(0, len(rows), side):
                part = slice(i, i + side)
                score = torch.from_numpy(search.centred(rows[part])).to(device) @ theirs.T
                score -= half[j : j + columns]
                own = rows[part] - j
                here = np.flatnonzero((own >= 0) & (own < len(theirs)))
                score[here, own[here]] = -torch.inf  # nobody is its own neighbour
                new, at = score.topk(min(count, len(theirs)), dim=1, sorted=False)
                best = torch.cat([torch.from_numpy(values[part]).to(device), new], 1)
                whose = torch.cat([torch.from_numpy(ids[part]).to(device), at.int() + j], 1)
                best, at = best.topk(count, dim=1)
                values[part] = best.flip(1).cpu()
                ids[part] = whose.gather(1, at).flip(1).cpu()
                del score, new, at, best, whose
                bar.update()


def _sent(device, search, places, side):
    """Centred points on the device, so many at a time: this machine need not hold them all."""
    import torch

    sent = torch.empty(len(places), search.points.shape[1], device=device)
    for start in range(0, len(places), side):
        some = places[start : start + side]
        centred = search.centred(slice(some.start, some.stop))
        sent[start : start + side] = torch.from_numpy(centred)
    return sent
