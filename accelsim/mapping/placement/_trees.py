"""Compiled moves of slicing trees: what a move changes, the rectangles below it, and the way back.

Nodes ``0 .. L - 1`` are leaves, which hold an item or nothing (-1), the others cut their rectangle in two in
proportion to the tiles below.  Several roots are several windows.  All sides are whole tiles.  Every move has a node on
top whose rectangle stays as it is; a move from window to window has both roots.
"""

from __future__ import annotations

from accelsim.engine._jit import jit_inline
from accelsim.mapping.placement.arrays import Floats, Made, Nets, Shapes, State, Tree

NONE, TURN, MIRROR, SWAP, MOVE, RESIZE = -1, 0, 1, 2, 3, 4
#: Share of the moves that take an item to a partner.
_TO_PARTNER = 0.7


@jit_inline
def _add(tree: Tree, node: int, tiles: int) -> None:
    """So many tiles more at a node and above it."""
    while node >= 0:
        tree.tiles[node] += tiles
        node = tree.parent[node]


@jit_inline
def _meet(tree: Tree, a: int, b: int) -> int:
    """Lowest node above or at both, -1 if they are in two windows."""
    depth, node = 0, a
    while node >= 0:
        depth, node = depth + 1, tree.parent[node]
    other, node = 0, b
    while node >= 0:
        other, node = other + 1, tree.parent[node]
    while depth > other:
        a, depth = tree.parent[a], depth - 1
    while other > depth:
        b, other = tree.parent[b], other - 1
    while a != b:
        a, b = tree.parent[a], tree.parent[b]
    return a


@jit_inline
def _root(tree: Tree, node: int) -> int:
    while tree.parent[node] >= 0:
        node = tree.parent[node]
    return node


@jit_inline
def spread(tree: Tree, state: State, top: int, moved: int) -> int:
    """Rectangles of all below ``top``; items that moved after ``moved`` others, negative if a side is not to be cut."""
    leaves, depth, is_cut = len(tree.item), 1, True
    state.stack[0] = top
    while depth > 0:
        depth -= 1
        node = state.stack[depth]
        row, col, rows, cols = tree.box[node, 0], tree.box[node, 1], tree.box[node, 2], tree.box[node, 3]
        if node < leaves:
            item = tree.item[node]
            place = state.place
            if item >= 0 and not (
                place[item, 0] == row and place[item, 1] == col and place[item, 2] == rows and place[item, 3] == cols
            ):
                place[item, 0], place[item, 1], place[item, 2], place[item, 3] = row, col, rows, cols
                state.moved[moved] = item
                moved += 1
            continue
        a, b = tree.left[node], tree.right[node]
        side = cols if tree.is_column_cut[node] else rows
        at = int(side * (tree.tiles[a] / max(1, tree.tiles[node])) + 0.5)
        if tree.tiles[a] > 0 and tree.tiles[b] > 0:
            at = min(max(at, 1), side - 1)
            if side < 2:
                is_cut, at = False, 1
        if tree.is_column_cut[node]:
            tree.box[a, 0], tree.box[a, 1], tree.box[a, 2], tree.box[a, 3] = row, col, rows, at
            tree.box[b, 0], tree.box[b, 1], tree.box[b, 2], tree.box[b, 3] = (
                row,
                col + at,
                rows,
                cols - at if is_cut else 1,
            )
        else:
            tree.box[a, 0], tree.box[a, 1], tree.box[a, 2], tree.box[a, 3] = row, col, at, cols
            tree.box[b, 0], tree.box[b, 1], tree.box[b, 2], tree.box[b, 3] = (
                row + at,
                col,
                rows - at if is_cut else 1,
                cols,
            )
        state.stack[depth], state.stack[depth + 1] = b, a
        depth += 2
    return moved if is_cut else -moved - 1


@jit_inline
def spread_all(tree: Tree, state: State, made: Made) -> int:
    """Rectangles of all that a move touches; as of :func:`spread`."""
    moved = spread(tree, state, made.top, 0)
    if moved >= 0 and made.other >= 0:
        moved = spread(tree, state, made.other, moved)
    return moved


@jit_inline
def keep(tree: Tree, best: Tree) -> None:
    """Copy cuts and items."""
    for node in range(len(tree.left)):
        best.left[node], best.right[node], best.parent[node] = tree.left[node], tree.right[node], tree.parent[node]
        best.is_column_cut[node], best.tiles[node] = tree.is_column_cut[node], tree.tiles[node]
    for leaf in range(len(tree.item)):
        best.item[leaf] = tree.item[leaf]
    for item in range(len(tree.slot)):
        best.slot[item] = tree.slot[item]


@jit_inline
def _can_give(tree: Tree, root: int, other: int, tiles: int) -> bool:
    """Whether a window has room for so many tiles of another, or the other way round; spare leaves give it."""
    taker = other if tiles > 0 else root
    spare = tree.spare[taker]
    return tiles == 0 or (spare >= 0 and tree.tiles[spare] >= abs(tiles))


@jit_inline
def _give(tree: Tree, root: int, other: int, tiles: int) -> None:
    """The spare leaf of a window grows by tiles that leave it, that of the other shrinks."""
    if tree.spare[root] >= 0:
        _add(tree, tree.spare[root], tiles)
    if tree.spare[other] >= 0:
        _add(tree, tree.spare[other], -tiles)


@jit_inline
def _swap(tree: Tree, a: int, b: int) -> None:
    """Leaves trade items, which take their tiles along."""
    one, other = tree.item[a], tree.item[b]
    tree.item[a], tree.item[b] = other, one
    if one >= 0:
        tree.slot[one] = b
    if other >= 0:
        tree.slot[other] = a
    more = tree.tiles[b] - tree.tiles[a]
    _add(tree, a, more)
    _add(tree, b, -more)


@jit_inline
def _child(tree: Tree, above: int, old: int, new: int) -> None:
    if tree.left[above] == old:
        tree.left[above] = new
    else:
        tree.right[above] = new
    tree.parent[new] = above


@jit_inline
def _attach(tree: Tree, leaf: int, beside: int, is_first: int, is_column_cut: int) -> None:
    """Take a leaf with the node above it out of the tree and put both where ``beside`` is, with it below."""
    joint = tree.parent[leaf]
    twin = tree.right[joint] if tree.left[joint] == leaf else tree.left[joint]
    tiles = tree.tiles[leaf]
    _add(tree, tree.parent[joint], -tiles)
    _child(tree, tree.parent[joint], joint, twin)
    _child(tree, tree.parent[beside], beside, joint)
    tree.parent[beside] = joint
    tree.left[joint], tree.right[joint] = (leaf, beside) if is_first else (beside, leaf)
    tree.is_column_cut[joint] = is_column_cut
    tree.tiles[joint] = tree.tiles[beside] + tiles
    _add(tree, tree.parent[joint], tiles)


@jit_inline
def _turn(tree: Tree, made: Made) -> None:
    """Turn a cut or exchange its halves; doing it again takes it back."""
    node = made.top
    if made.what == TURN:
        tree.is_column_cut[node] = 1 - tree.is_column_cut[node]
    else:
        tree.left[node], tree.right[node] = tree.right[node], tree.left[node]


@jit_inline
def _partner(tree: Tree, nets: Nets, leaf: int, y: float, z: float) -> int:
    """Leaf of an item at another end of a net of what a leaf holds; any leaf where there is none."""
    item = tree.item[leaf]
    if item >= 0:
        number = nets.first_of[item + 1] - nets.first_of[item]
        if number > 0:
            net = nets.of_item[nets.first_of[item] + int(y * number)]
            ends = nets.first[net + 1] - nets.first[net]
            other = nets.ends[nets.first[net] + int(z * ends)]
            if other != item and tree.slot[other] >= 0:
                return int(tree.slot[other])
    return int(z * len(tree.item))


@jit_inline
def _near(tree: Tree, leaf: int, is_first: bool) -> int:
    """A leaf on the other side of the cut above a leaf."""
    above = tree.parent[leaf]
    if above < 0:
        return leaf
    node = tree.right[above] if tree.left[above] == leaf else tree.left[above]
    while node >= len(tree.item):
        node = tree.left[node] if is_first else tree.right[node]
    return int(node)


@jit_inline
def _make_resize(tree: Tree, a: int, b: int, z: float) -> Made:
    """Up to a fifth of the tiles of a leaf go to another."""
    tiles = int(tree.tiles[b] * 0.2 * z * z) + 1
    top = _meet(tree, a, b)
    if a == b or tree.tiles[b] <= tiles or top < 0:
        return Made(NONE, 0, 0, 0, 0, 0, 0, 0, -1)
    _add(tree, a, tiles)
    _add(tree, b, -tiles)
    return Made(RESIZE, a, b, tiles, 0, 0, 0, top, -1)


@jit_inline
def _make_swap(tree: Tree, a: int, b: int) -> Made:
    top, other, tiles = _meet(tree, a, b), -1, 0
    if a == b:
        return Made(NONE, 0, 0, 0, 0, 0, 0, 0, -1)
    if top < 0:
        top, other, tiles = _root(tree, a), _root(tree, b), tree.tiles[a] - tree.tiles[b]
        if tree.item[a] < 0 or tree.item[b] < 0 or not _can_give(tree, top, other, tiles):
            return Made(NONE, 0, 0, 0, 0, 0, 0, 0, -1)
        _give(tree, top, other, tiles)
    _swap(tree, a, b)
    return Made(SWAP, a, b, tiles, 0, 0, 0, top, other)


@jit_inline
def _make_move(tree: Tree, a: int, b: int, is_first: bool, u: float) -> Made:
    """A leaf goes beside another, or beside one of the nodes above that."""
    up, joint = int(u * 1000) % 4, tree.parent[a]
    while up > 1 and tree.parent[b] >= 0 and tree.parent[tree.parent[b]] >= 0:
        b, up = tree.parent[b], up - 1
    if joint < 0 or tree.parent[joint] < 0 or tree.parent[b] < 0 or b in (a, joint):
        return Made(NONE, 0, 0, 0, 0, 0, 0, 0, -1)
    twin = tree.right[joint] if tree.left[joint] == a else tree.left[joint]
    if b == twin:
        return Made(NONE, 0, 0, 0, 0, 0, 0, 0, -1)
    top, other, tiles = 0, -1, tree.tiles[a]
    if _meet(tree, a, b) < 0:
        top, other = _root(tree, a), _root(tree, b)
        if tree.item[a] < 0 or not _can_give(tree, top, other, tiles):
            return Made(NONE, 0, 0, 0, 0, 0, 0, 0, -1)
        _give(tree, top, other, tiles)
    was_first, was_cut = 1 if tree.left[joint] == a else 0, tree.is_column_cut[joint]
    _attach(tree, a, b, 1 if is_first else 0, int(u * 100000) % 2)
    if other < 0:
        top = _meet(tree, tree.parent[twin], tree.parent[joint])
    return Made(MOVE, a, b, tiles, twin, was_first, was_cut, top, other)


@jit_inline
def make_move(tree: Tree, nets: Nets, shapes: Shapes, numbers: Floats) -> Made:
    """Make the move that five random numbers choose."""
    kind, x, y, z, u = numbers[0], numbers[1], numbers[2], numbers[3], numbers[4]
    nodes, leaves = len(tree.left), len(tree.item)
    if kind < 0.35:
        top = leaves + int(x * (nodes - leaves))
        made = Made(TURN if kind < 0.25 else MIRROR, 0, 0, 0, 0, 0, 0, top, -1)
        _turn(tree, made)
        return made
    a, b = int(x * leaves), int(z * leaves)
    if kind < 0.5 and shapes.weights[0] + shapes.weights[1] > 0:
        return _make_resize(tree, a, int(y * leaves), z)
    if u < _TO_PARTNER:
        b = _partner(tree, nets, a, y, z)
    if kind < 0.7:
        if u < _TO_PARTNER and y < 0.9:
            b = _near(tree, b, y < 0.45)
        return _make_swap(tree, a, b)
    return _make_move(tree, a, b, y < 0.5, u)


@jit_inline
def unmake(tree: Tree, made: Made) -> None:
    """Take a move back."""
    if made.what in (TURN, MIRROR):
        _turn(tree, made)
    elif made.what == RESIZE:
        _add(tree, made.a, -made.tiles)
        _add(tree, made.b, made.tiles)
    elif made.what == SWAP:
        _swap(tree, made.a, made.b)
    else:
        _attach(tree, made.a, made.twin, made.was_first, made.was_cut)
    if made.other >= 0:
        _give(tree, made.other, made.top, made.tiles)
