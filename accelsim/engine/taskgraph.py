"""The one input of the engines: tasks as a frozen struct of numpy arrays.

A task is: a server or none, work, bytes, a route over links, a latency, a priority and
predecessors.  What these mean in time is said in :mod:`accelsim.engine.simpy_engine`.
Graphs are large (10 million tasks fit), so a graph is arrays, never objects;
:class:`TaskGraphBuilder` is the comfortable way to small ones,
:mod:`accelsim.engine.template` the fast way to large ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import InitVar, dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt

from accelsim.arguments import checked_call
from accelsim.engine.clock import to_ticks
from accelsim.engine.names import NumberedNames
from accelsim.errors import AccelsimError

Int32Array = npt.NDArray[np.int32]
Int64Array = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]

NO_SERVER = -1
CAPACITY_RANGE = (2.0**-14, 1e24)  # bytes/s of a link: below, rates round to nothing; above, a byte takes no tick

_DTYPES: dict[str, type[np.int32] | type[np.int64]] = {
    "server": np.int32,
    "work_ticks": np.int64,
    "nbytes": np.int64,
    "latency_ticks": np.int64,
    "priority": np.int32,
    "label": np.int32,
    "route_ptr": np.int64,
    "route_link": np.int32,
    "pred_ptr": np.int64,
    "pred_task": np.int32,
}
_PER_TASK = ("server", "work_ticks", "nbytes", "latency_ticks", "priority", "label")


class TaskGraphError(AccelsimError, ValueError):
    """The arrays of a task graph contradict each other."""


@checked_call("TaskGraphBuilder().build()")
@dataclass(frozen=True, eq=False)
class TaskGraph:
    """Tasks, servers and links; read-only once built.

    Routes and predecessors are in CSR form: task ``i`` crosses
    ``route_link[route_ptr[i]:route_ptr[i + 1]]`` and waits for
    ``pred_task[pred_ptr[i]:pred_ptr[i + 1]]``.  Cycles are not looked for here: the run
    finds them and names them.

    Attributes:
        server: Server of each task, ``-1`` for none. int32[T].
        work_ticks: Time on the server, in ticks. int64[T].
        nbytes: Bytes moved along the whole route. int64[T].
        latency_ticks: Wait between start and first byte, in ticks. int64[T].
        priority: Place in the queue of a server, lower first. int32[T].
        route_ptr: CSR offsets of the routes. int64[T+1].
        route_link: Links of the routes. int32[R].
        pred_ptr: CSR offsets of the predecessors. int64[T+1].
        pred_task: Predecessors. int32[P].
        label: What a task belongs to in reports, an index into ``labels``. int32[T].
        servers: Names of the servers.
        links: Names of the links.
        capacity_bytes_per_s: Capacity of each link, one direction. float64[L].
        labels: Names that reports group by, e.g. operators.
        routes_checked: The caller vouches that no route crosses a link twice (skips a sort).

    Raises:
        TaskGraphError: An array has the wrong length, type or range, or a route crosses a link twice.
    """

    server: Int32Array
    work_ticks: Int64Array
    nbytes: Int64Array
    latency_ticks: Int64Array
    priority: Int32Array
    route_ptr: Int64Array
    route_link: Int32Array
    pred_ptr: Int64Array
    pred_task: Int32Array
    label: Int32Array
    servers: Sequence[str] = ()
    links: Sequence[str] = ()
    capacity_bytes_per_s: FloatArray = field(default_factory=lambda: np.empty(0))
    labels: Sequence[str] = ("task",)
    routes_checked: InitVar[bool] = False

    def __post_init__(self, routes_checked: bool) -> None:
        for name, dtype in _DTYPES.items():
            object.__setattr__(self, name, _frozen_ints(name, getattr(self, name), dtype))
        capacity = np.ascontiguousarray(self.capacity_bytes_per_s, dtype=np.float64)
        object.__setattr__(self, "capacity_bytes_per_s", _read_only(capacity))
        _check_lengths(self)
        _check_ranges(self)
        if not routes_checked:
            _check_routes(self)

    def __setstate__(self, state: dict[str, object]) -> None:
        # Unpickled arrays can be written to; the graph, and machine code made for it, rely on theirs being frozen.
        for name, value in state.items():
            object.__setattr__(self, name, _read_only(value) if isinstance(value, np.ndarray) else value)

    @property
    def num_tasks(self) -> int:
        """Tasks in the graph."""
        return len(self.server)

    @property
    def num_servers(self) -> int:
        """Servers in the graph."""
        return len(self.servers)

    @property
    def num_links(self) -> int:
        """Links in the graph."""
        return len(self.links)

    @cached_property
    def num_hops(self) -> Int64Array:
        """Links that each task crosses. int64[T]."""
        return np.diff(self.route_ptr)

    @cached_property
    def num_predecessors(self) -> Int64Array:
        """Tasks that each task waits for. int64[T]."""
        return np.diff(self.pred_ptr)

    def task_name(self, task: int) -> str:
        """Label and id of one task, as error messages spell it."""
        return f"{self.labels[int(self.label[task])]}#{task}"

    def predecessors(self, task: int) -> Int32Array:
        """Ids of the tasks that must end before ``task`` is ready."""
        return self.pred_task[self.pred_ptr[task] : self.pred_ptr[task + 1]]

    def route(self, task: int) -> Int32Array:
        """Links that ``task`` crosses, in order."""
        return self.route_link[self.route_ptr[task] : self.route_ptr[task + 1]]

    def with_sizes(self, work_ticks: Int64Array, nbytes: Int64Array, latency_ticks: Int64Array) -> TaskGraph:
        """The same tasks with other work, bytes and latencies; all other columns are shared, not copied.

        Args:
            work_ticks: Ticks of work. int64[tasks].
            nbytes: Bytes on the route. int64[tasks].
            latency_ticks: Ticks before they move. int64[tasks].

        Raises:
            TaskGraphError: An array has the wrong length, type or range.
        """
        graph = object.__new__(TaskGraph)
        graph.__dict__.update(self.__dict__)
        for name, values in (("work_ticks", work_ticks), ("nbytes", nbytes), ("latency_ticks", latency_ticks)):
            column = _frozen_ints(name, values, np.int64)
            if len(column) != self.num_tasks:
                raise TaskGraphError(f"task graph: {name} has {len(column)} entries for {self.num_tasks} tasks.")
            if column.size and int(column.min()) < 0:
                raise TaskGraphError(f"task graph: {name}[{int(column.argmin())}] = {column.min()}; must be >= 0.")
            graph.__dict__[name] = column
        return graph

    def __repr__(self) -> str:
        return (
            f"TaskGraph({self.num_tasks} tasks, {len(self.pred_task)} dependencies, "
            f"{self.num_servers} servers, {self.num_links} links)"
        )


def _read_only(array: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
    view = array.view()
    view.flags.writeable = False
    return view


def _frozen_ints(name: str, values: object, dtype: type[np.int32] | type[np.int64]) -> npt.NDArray[np.generic]:
    """Bring one array to its type without a copy where possible, refusing what does not fit."""
    array = np.asarray(values)
    if array.ndim != 1:
        raise TaskGraphError(f"task graph: {name} must have one dimension, got shape {array.shape}.")
    if array.size and array.dtype.kind not in "iu":
        raise TaskGraphError(f"task graph: {name} must hold integers, got {array.dtype}. Convert times with to_ticks.")
    if array.size and array.dtype.itemsize >= np.dtype(dtype).itemsize and array.dtype != dtype:
        limits = np.iinfo(dtype)
        if int(array.min()) < limits.min or int(array.max()) > limits.max:
            raise TaskGraphError(f"task graph: {name} has values outside {np.dtype(dtype).name}.")
    return _read_only(np.ascontiguousarray(array, dtype=dtype))


def _check_lengths(graph: TaskGraph) -> None:
    num_tasks = graph.num_tasks
    if num_tasks > np.iinfo(np.int32).max:
        raise TaskGraphError(f"task graph: {num_tasks} tasks; at most 2**31 - 1. Fold repeated parts with Program.")
    for name in _PER_TASK:
        if len(getattr(graph, name)) != num_tasks:
            raise TaskGraphError(f"task graph: {name} has {len(getattr(graph, name))} entries for {num_tasks} tasks.")
    for pointer, target in (("route_ptr", "route_link"), ("pred_ptr", "pred_task")):
        offsets = getattr(graph, pointer)
        size = len(getattr(graph, target))
        if len(offsets) != num_tasks + 1 or offsets[0] != 0 or offsets[-1] != size or (np.diff(offsets) < 0).any():
            raise TaskGraphError(
                f"task graph: {pointer} must rise from 0 to len({target})={size} in {num_tasks + 1} steps."
            )
    if len(graph.capacity_bytes_per_s) != graph.num_links:
        raise TaskGraphError(f"task graph: {len(graph.capacity_bytes_per_s)} capacities for {graph.num_links} links.")


def _check_ranges(graph: TaskGraph) -> None:
    limits = {
        "server": (NO_SERVER, graph.num_servers),
        "label": (0, len(graph.labels)),
        "route_link": (0, graph.num_links),
        "pred_task": (0, graph.num_tasks),
        "work_ticks": (0, None),
        "nbytes": (0, None),
        "latency_ticks": (0, None),
    }
    for name, (low, high) in limits.items():
        values = getattr(graph, name)
        if not values.size:
            continue
        if int(values.min()) < low or (high is not None and int(values.max()) >= high):
            bad = int(np.argmax((values < low) | (values >= (np.iinfo(np.int64).max if high is None else high))))
            allowed = f">= {low}" if high is None else f"in [{low}, {high})"
            raise TaskGraphError(f"task graph: {name}[{bad}] = {values[bad]}; must be {allowed}.")
    capacity, (least, most) = graph.capacity_bytes_per_s, CAPACITY_RANGE
    for link in np.flatnonzero(~((capacity >= least) & (capacity <= most))).tolist():
        what = f"link {graph.links[link]!r}: capacity_bytes_per_s = {capacity[link]}"
        raise TaskGraphError(f"{what}; must be in {CAPACITY_RANGE}.")


def _check_routes(graph: TaskGraph) -> None:
    """Refuse routes that cross a link twice: such a flow would share with itself."""
    if not (graph.num_hops > 1).any():
        return
    key = np.repeat(np.arange(graph.num_tasks, dtype=np.int64) * graph.num_links, graph.num_hops)
    key += graph.route_link
    key.sort()
    twice = key[1:] == key[:-1]
    if twice.any():
        task, link = divmod(int(key[int(np.argmax(twice))]), graph.num_links)
        raise TaskGraphError(
            f"task {graph.task_name(task)}: its route crosses link {graph.links[link]!r} twice. "
            "Remove the loop, or send it as two tasks."
        )


def successors(graph: TaskGraph) -> tuple[Int64Array, Int32Array]:
    """Return the dependencies turned round, as CSR: who waits for each task, in order of id."""
    order = np.argsort(graph.pred_task, kind="stable")
    waiting = np.repeat(np.arange(graph.num_tasks, dtype=np.int32), graph.num_predecessors)
    counts = np.bincount(graph.pred_task, minlength=graph.num_tasks)
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64), waiting[order]


@checked_call("TaskGraphBuilder()")
class TaskGraphBuilder:
    """Writes a small :class:`TaskGraph` task by task.

    Meant for templates, examples and tests; for large graphs write a template once and
    let :func:`accelsim.engine.template.instantiate` multiply it.

    Examples:
        >>> builder = TaskGraphBuilder()
        >>> core = builder.server("core")
        >>> hbm = builder.link("hbm", 2e12)
        >>> load = builder.task("load", nbytes=4096, route=[hbm])
        >>> gemm = builder.task("gemm", server=core, work_s=1e-6, after=[load])
        >>> builder.build()
        TaskGraph(2 tasks, 1 dependencies, 1 servers, 1 links)
    """

    def __init__(self) -> None:
        self._servers: dict[str, int] = {}
        self._links: dict[str, int] = {}
        self._capacity_bytes_per_s: list[float] = []
        self._labels: dict[str, int] = {}
        self._columns: dict[str, list[int]] = {name: [] for name in _DTYPES}
        self._columns["route_ptr"].append(0)
        self._columns["pred_ptr"].append(0)
        self._seconds: dict[str, list[float]] = {"work_ticks": [], "latency_ticks": []}

    def server(self, name: str) -> int:
        """Add a server and return its id; a known name is an error."""
        return _add_name(self._servers, name, "server")

    def link(self, name: str, capacity_bytes_per_s: float) -> int:
        """Add a link of that capacity, in bytes/s, and return its id; a known name is an error."""
        link = _add_name(self._links, name, "link")
        self._capacity_bytes_per_s.append(capacity_bytes_per_s)
        return link

    def task(
        self,
        label: str,
        server: int | None = None,
        work_s: float = 0.0,
        nbytes: int = 0,
        route: Iterable[int] = (),
        latency_s: float = 0.0,
        priority: int = 0,
        after: Iterable[int] = (),
    ) -> int:
        """Add a task and return its id.

        Args:
            label: What reports group it under; the same label may be used again.
            server: Id of the server that does it, or None.
            work_s: Time on the server, in seconds.
            nbytes: Bytes moved along ``route``.
            route: Ids of the links crossed.
            latency_s: Time from start to the first byte, in seconds.
            priority: Place in the server's queue, lower first.
            after: Ids of the tasks that must end first; they may be added later.
        """
        columns = self._columns
        columns["label"].append(self._labels.setdefault(label, len(self._labels)))
        columns["server"].append(NO_SERVER if server is None else server)
        self._seconds["work_ticks"].append(work_s)
        columns["nbytes"].append(nbytes)
        self._seconds["latency_ticks"].append(latency_s)
        columns["priority"].append(priority)
        columns["route_link"].extend(route)
        columns["route_ptr"].append(len(columns["route_link"]))
        columns["pred_task"].extend(after)
        columns["pred_ptr"].append(len(columns["pred_task"]))
        return len(columns["server"]) - 1

    def build(self) -> TaskGraph:
        """Return the frozen graph of everything added so far."""
        arrays = {name: np.array(values) for name, values in self._columns.items()}
        arrays |= {name: to_ticks(np.array(values, dtype=np.float64)) for name, values in self._seconds.items()}
        return TaskGraph(
            **arrays,  # type: ignore[arg-type]
            servers=tuple(self._servers),
            links=tuple(self._links),
            capacity_bytes_per_s=np.array(self._capacity_bytes_per_s, dtype=np.float64),
            labels=tuple(self._labels) or ("task",),
        )


def _add_name(known: dict[str, int], name: str, kind: str) -> int:
    if name in known:
        raise TaskGraphError(f"{kind} {name!r} exists already. Give every {kind} its own name.")
    return known.setdefault(name, len(known))


def make_task_graph(
    num_tasks: int,
    *,
    capacity_bytes_per_s: npt.ArrayLike = (),
    links: Sequence[str] | None = None,
    servers: Sequence[str] | int = 0,
    labels: Sequence[str] = ("task",),
    **columns: npt.ArrayLike,
) -> TaskGraph:
    """Build a graph from the columns that are not trivial; the others get zeros.

    A column given as one number is repeated for every task.  ``route_link`` without
    ``route_ptr`` means one link per task; ``pred_task`` needs its ``pred_ptr``.

    Args:
        num_tasks: Number of tasks.
        capacity_bytes_per_s: Capacity of each link.
        links: Names of the links; default ``link0, link1, ...``.
        servers: Names of the servers, or how many there are.
        labels: Names that reports group by.
        **columns: Columns of :class:`TaskGraph`.
    """
    capacity = np.atleast_1d(np.asarray(capacity_bytes_per_s, dtype=np.float64))
    arrays: dict[str, npt.NDArray[np.generic]] = {}
    for name in _PER_TASK:
        default = NO_SERVER if name == "server" else 0
        value = np.asarray(columns.pop(name, default))
        arrays[name] = (
            np.repeat(_frozen_ints(name, value[None], _DTYPES[name]), num_tasks) if value.ndim == 0 else value
        )
    route_link = np.asarray(columns.pop("route_link", np.empty(0, dtype=np.int32)))
    one_each = np.arange(num_tasks + 1) if route_link.size else np.zeros(num_tasks + 1, dtype=np.int64)
    arrays["route_link"] = route_link
    arrays["route_ptr"] = np.asarray(columns.pop("route_ptr", one_each))
    arrays["pred_task"] = np.asarray(columns.pop("pred_task", np.empty(0, dtype=np.int32)))
    arrays["pred_ptr"] = np.asarray(columns.pop("pred_ptr", np.zeros(num_tasks + 1, dtype=np.int64)))
    if columns:
        raise TaskGraphError(f"unknown columns {sorted(columns)}. Known: {', '.join(_DTYPES)}.")
    return TaskGraph(
        **arrays,  # type: ignore[arg-type]
        servers=NumberedNames("server", servers) if isinstance(servers, int) else servers,
        links=NumberedNames("link", len(capacity)) if links is None else links,
        capacity_bytes_per_s=capacity,
        labels=labels,
    )
