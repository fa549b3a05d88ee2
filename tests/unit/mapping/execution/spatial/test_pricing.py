from accelsim.cost.base import Region
from accelsim.cost.cost import Cost
from accelsim.cost.residual import Residual
from accelsim.dtypes import DType
from accelsim.hardware.system import load_system
from accelsim.mapping.execution.spatial.pricing import GroupPrice, GroupPricer, between
from accelsim.workload.operators.gemm import Gemm

GC200 = load_system("graphcore-gc200").chip


def test_scratch_is_what_the_cost_model_says_a_tile_holds_beside_its_own_weights():
    product = Gemm.of(2048, 1024, 256, dtype=DType.FP16)
    price = GroupPricer(GC200).price((product,), Region(8, 8), resident_bytes=0, buffer_bytes=0)
    # Divided 8x8x1: 256 x 128 partial sums of 4 B = 131,072; 1/64 of both activations, (2048 x 256 + 2048 x 1024) x 2 B
    # = 81,920; blocks on their way, (256 x 256 + 256 x 128) x 2 B = 196,608; 1/64 of the weights, 8,192, is resident.
    assert price.costs[0].tile_bytes == 131_072 + 81_920 + 196_608 + 8_192
    assert price.scratch_bytes == 409_600


def test_a_product_in_less_sram_is_cut_into_more_slices_and_holds_less():
    product = Gemm.of(2048, 1024, 256, dtype=DType.FP16)
    roomy = GroupPricer(GC200).price((product,), Region(8, 8), product.weight_bytes, 0)
    held = int((GC200.sram_per_core_bytes - 409_600) * 64)
    tight = GroupPricer(GC200).price((product,), Region(8, 8), product.weight_bytes, held)
    # Two slices of the blocks on their way: 98,304 B fewer.
    assert roomy.scratch_bytes - tight.scratch_bytes == 98_304
    assert tight.short_bytes == 0


def test_a_price_between_two_keeps_the_wider_residual_and_mixes_the_rest():
    def price(work_s, tile_bytes, deviation):
        cost = Cost(
            work_s,
            {"sram": 10 * work_s},
            {"compute": work_s},
            "compute",
            residual=Residual("mesh", deviation),
            tile_bytes=tile_bytes,
        )
        return GroupPrice((cost,), work_s, cost.parts_s, tile_bytes, 0.0)

    middle = between(price(1.0, 100.0, 0.1), price(3.0, 300.0, 0.3), 0.5).costs[0]
    assert (middle.work_s, middle.traffic_bytes, middle.tile_bytes) == (2.0, {"sram": 20.0}, 200.0)
    assert middle.residual == Residual("mesh", 0.3)
