"""Tables by Arrow's C stream: pyarrow's, and a producer of our own that counts what is released."""

import ctypes
import gc

import numpy as np
import pytest
from unbinned import masses, search_spec

import neyman
from neyman import _core
from neyman.unbinned import Model

pa = pytest.importorskip("pyarrow")


def model(table, **arguments):
    return Model.from_dict(search_spec(), data={"SR": table}, **arguments)


def refused(table, *says, error=neyman.EventsError):
    with pytest.raises(error) as caught:
        model(table)
    for one in says:
        assert one in str(caught.value), caught.value
    return caught.value


def chunked(events, edges, kind=None):
    """A table in chunks, some of them slices of others, some empty."""
    long = np.concatenate([[np.nan] * 3, events, [np.nan] * 3])
    parts = [pa.array(long, kind).slice(3 + a, b - a) for a, b in zip(edges[:-1], edges[1:], strict=True)]
    text = pa.chunked_array([["a"] * len(p) for p in parts], pa.string())
    return pa.table({"text": text, "mass": pa.chunked_array(parts)})


def test_arrow_tables_are_read_whatever_their_chunks():
    events = masses(100, 400)
    reference = model({"mass": events})
    whole = pa.table({"mass": events, "text": ["a"] * 500})
    crooked = pa.py_buffer(b"1234" + events.tobytes()).slice(4)
    tables = [
        whole,
        chunked(events, [0, 500]),
        chunked(events, [0, 7, 7, 333, 500]),
        pa.concat_tables([whole.slice(0, 100), whole.slice(100, 1), whole.slice(101)]),
        pa.RecordBatchReader.from_batches(whole.schema, iter(whole.to_batches(max_chunksize=60))),
        whole.to_batches()[0],
        # a column with room for nulls that has none
        pa.table({"mass": pa.array(events, mask=np.zeros(500, bool))}),
        # one that need not be where a processor likes it
        pa.table({"mass": pa.Array.from_buffers(pa.float64(), 500, [None, crooked])}),
    ]
    for table in tables:
        found = model(table)
        np.testing.assert_array_equal(found.events("SR")["mass"], events)
        assert found.nll(found.init) == reference.nll(reference.init)
    # rows of a struct that is itself a slice
    structs = pa.StructArray.from_arrays([pa.array(events)], ["mass"]).slice(100, 50)
    found = model(pa.RecordBatch.from_struct_array(structs))
    np.testing.assert_array_equal(found.events("SR")["mass"], events[100:150])


@pytest.mark.parametrize("kind", ["int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float32"])
def test_arrow_numbers_widen(kind):
    values = np.arange(61, 119).astype(kind)
    for edges in ([0, 58], [0, 10, 58]):
        parts = [pa.array(values)[a:b] for a, b in zip(edges[:-1], edges[1:], strict=True)]
        found = model(pa.table({"mass": pa.chunked_array(parts)}))
        np.testing.assert_array_equal(found.events("SR")["mass"], values.astype(float))


def test_arrow_weights():
    events, weights = masses(100, 400), np.linspace(0.5, 1.5, 500)
    found = model(pa.table({"mass": events, "_weight": weights}))
    np.testing.assert_array_equal(found.weights("SR"), weights)
    # given ones have precedence
    found = model(pa.table({"mass": events, "_weight": ["a"] * 500}), weights={"SR": weights})
    np.testing.assert_array_equal(found.weights("SR"), weights)


def test_arrow_values_stay_where_they_are():
    events = masses(100, 400)
    table = pa.table({"mass": events})
    address = table["mass"].chunk(0).buffers()[1].address
    names, [(name, found)] = _core.read_arrow(table.slice(3).__arrow_c_stream__(), ["mass", "other"], "table")
    assert (names, name) == (["mass"], "mass")
    assert found.__array_interface__["data"][0] == address + 24 and not found.flags.writeable
    del table
    gc.collect()
    np.testing.assert_array_equal(found, events[3:])
    # of several chunks a copy
    copy = _core.read_arrow(chunked(events, [0, 5, 500]).__arrow_c_stream__(), ["mass"], "table")[1][0][1]
    np.testing.assert_array_equal(copy, events)


def test_arrow_bad_tables():
    events = masses(100, 400)
    holes = pa.array(events, mask=np.arange(500) == 123)
    for table in (
        pa.table({"mass": holes}),
        pa.table({"mass": pa.chunked_array([holes[:50], holes[50:]])}),
        pa.table({"mass": pa.chunked_array([holes[:100].slice(1), holes[99:]])}),
    ):
        error = refused(table, 'column "mass", row ', "null", "data of channel 'SR'")
        assert (error.column, error.row) == ("mass", 123)
    # nulls that are not among the rows are no harm
    np.testing.assert_array_equal(model(pa.table({"mass": holes[124:]})).events("SR")["mass"], events[124:])
    nan = events.copy()
    nan[77] = np.nan
    error = refused(pa.table({"mass": nan}), "mass")
    assert (error.column, error.row) == ("mass", 77)
    for column, says in (
        (["a", "b"], "it is of text"),
        (pa.array(["a", "b"], pa.large_string()), "it is of text"),
        (pa.array(["a", "b"]).dictionary_encode(), "in a dictionary"),
        (pa.array([70, 80]).dictionary_encode(), "in a dictionary"),
        ([True, False], "truth values"),
        (pa.nulls(2), "nothing but nulls"),
        (pa.array([70, 80], pa.float16()), "float16"),
        (pa.array([70, 80], pa.decimal128(5)), "d:5,0"),
        (pa.array([[70.0], [80.0]]), "+l"),
        (pa.array([70, 80], pa.timestamp("s")), "tss:"),
        (pa.array([70, 2**53 + 1], pa.int64()), "9007199254740993 is beyond"),
        (pa.array([70, 2**64 - 1], pa.uint64()), "row 1: 18446744073709551615 is beyond"),
    ):
        refused(pa.table({"mass": column}), 'column "mass"', says)
    refused(pa.table({"m": events}), "there is no column 'mass'; there are m", error=neyman.ArgumentError)
    refused(pa.Table.from_arrays([pa.array(events)] * 2, ["mass", "mass"]), "two columns of this name")
    refused(pa.chunked_array([events]), "not one of tables")
    reader = pa.RecordBatchReader.from_batches(pa.schema({"mass": pa.float64()}), iter([]))
    assert model(reader).events("SR")["mass"].size == 0
    assert model(pa.table({"mass": pa.array([], pa.float64())})).events("SR")["mass"].size == 0

    def broken():
        yield from pa.table({"mass": events}).to_batches()
        raise ValueError("the disk is gone")

    reader = pa.RecordBatchReader.from_batches(pa.schema({"mass": pa.float64()}), broken())
    refused(reader, "broke off", "the disk is gone")

    class Capsule:
        """What gives a stream that was read before, and no capsule at all."""

        def __init__(self, of):
            self.of = of

        def __arrow_c_stream__(self, requested_schema=None):
            return self.of

    stream = Capsule(pa.table({"mass": events}).__arrow_c_stream__())
    model(stream)
    refused(stream, "has been read already", error=neyman.ArgumentError)
    with pytest.raises(TypeError):
        model(Capsule(3))


# a producer by ctypes: what the interface says of its structs
class Schema(ctypes.Structure):
    pass


class Array(ctypes.Structure):
    pass


class Stream(ctypes.Structure):
    pass


SCHEMA_RELEASE = ctypes.CFUNCTYPE(None, ctypes.POINTER(Schema))
ARRAY_RELEASE = ctypes.CFUNCTYPE(None, ctypes.POINTER(Array))
STREAM_RELEASE = ctypes.CFUNCTYPE(None, ctypes.POINTER(Stream))
GET_SCHEMA = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(Stream), ctypes.POINTER(Schema))
GET_NEXT = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(Stream), ctypes.POINTER(Array))
LAST_ERROR = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.POINTER(Stream))
int64, pointer = ctypes.c_int64, ctypes.POINTER
Schema._fields_ = [
    ("format", ctypes.c_char_p),
    ("name", ctypes.c_char_p),
    ("metadata", ctypes.c_char_p),
    ("flags", int64),
    ("n_children", int64),
    ("children", pointer(pointer(Schema))),
    ("dictionary", ctypes.c_void_p),
    ("release", SCHEMA_RELEASE),
    ("private_data", ctypes.c_void_p),
]
Array._fields_ = [
    *((name, int64) for name in ("length", "null_count", "offset", "n_buffers", "n_children")),
    ("buffers", pointer(ctypes.c_void_p)),
    ("children", pointer(pointer(Array))),
    ("dictionary", ctypes.c_void_p),
    ("release", ARRAY_RELEASE),
    ("private_data", ctypes.c_void_p),
]
Stream._fields_ = [
    ("get_schema", GET_SCHEMA),
    ("get_next", GET_NEXT),
    ("get_last_error", LAST_ERROR),
    ("release", STREAM_RELEASE),
    ("private_data", ctypes.c_void_p),
]


class Producer:
    """A table of one column `mass`, in batches of these lengths, which counts what is released."""

    def __init__(self, batches, fail_at=None, damage=None):
        self.batches, self.fail_at, self.damage, self.given = batches, fail_at, damage or {}, 0
        self.counts = {"schema": 0, "stream": 0, "arrays": [0] * len(batches)}
        self.kept = []
        self.stream = Stream(
            GET_SCHEMA(self.schema), GET_NEXT(self.next), LAST_ERROR(lambda _: None), STREAM_RELEASE(self.released)
        )

    def __arrow_c_stream__(self, requested_schema=None):
        new = ctypes.pythonapi.PyCapsule_New
        new.restype, new.argtypes = ctypes.py_object, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
        return new(ctypes.addressof(self.stream), b"arrow_array_stream", None)

    def released(self, stream):
        self.counts["stream"] += 1
        stream.contents.release = STREAM_RELEASE()

    def schema(self, _, out):
        def release(of):
            self.counts["schema"] += 1
            of.contents.release = SCHEMA_RELEASE()

        column = Schema(b"g", b"mass")
        children, callback = (pointer(Schema) * 1)(ctypes.pointer(column)), SCHEMA_RELEASE(release)
        self.kept += [column, children, callback]
        out.contents.format, out.contents.name, out.contents.n_children = b"+s", b"", 1
        out.contents.children, out.contents.release = children, callback
        return 0

    def next(self, _, out):
        if self.given == self.fail_at:
            return 5
        if self.given == len(self.batches):
            return 0
        k = self.given
        self.given += 1

        def release(of):
            self.counts["arrays"][k] += 1
            of.contents.release = ARRAY_RELEASE()

        n = self.batches[k]
        values, column = (ctypes.c_double * n)(*([90.0] * n)), Array(length=n, n_buffers=2)
        buffers = (ctypes.c_void_p * 2)(None, ctypes.cast(values, ctypes.c_void_p))
        column.buffers = ctypes.cast(buffers, pointer(ctypes.c_void_p))
        for name, value in self.damage.items():
            setattr(column, name, value)
        children, callback = (pointer(Array) * 1)(ctypes.pointer(column)), ARRAY_RELEASE(release)
        none = (ctypes.c_void_p * 1)(None)
        self.kept += [values, buffers, column, children, callback, none]
        out.contents.length, out.contents.n_buffers, out.contents.n_children = n, 1, 1
        out.contents.buffers = ctypes.cast(none, pointer(ctypes.c_void_p))
        out.contents.children, out.contents.release = children, callback
        return 0


@pytest.mark.parametrize("batches", [[], [4], [4, 3, 5]])
def test_arrow_releases_once(batches):
    producer = Producer(batches)
    found = model(producer)
    assert found.events("SR")["mass"].size == sum(batches)
    gc.collect()
    assert producer.counts == {"schema": 1, "stream": 1, "arrays": [1] * len(batches)}


@pytest.mark.parametrize(
    "arguments, says",
    [
        ({"fail_at": 1}, "broke off with code 5"),
        ({"fail_at": 0}, "broke off with code 5"),
        ({"damage": {"length": 2}}, "shorter than the table"),
        ({"damage": {"length": -1}}, "below 0"),
        ({"damage": {"offset": -1}}, "below 0"),
        ({"damage": {"n_buffers": 1}}, "two buffers"),
        ({"damage": {"buffers": None}}, "two buffers"),
    ],
)
def test_arrow_releases_once_on_errors(arguments, says):
    producer = Producer([4, 3], **arguments)
    refused(producer, says)
    gc.collect()
    given = producer.given
    assert producer.counts == {"schema": 1, "stream": 1, "arrays": [1] * given + [0] * (2 - given)}
