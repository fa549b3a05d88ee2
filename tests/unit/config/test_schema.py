"""Descriptions are frozen, and a changed copy is a new one through and through."""

from accelsim import load_model


def test_what_is_derived_from_fields_is_derived_anew_in_a_changed_copy() -> None:
    model = load_model("llama3-8b")
    assert [count for _, count in model.layers] == [32]  # cached on the model
    smaller = model.model_copy(update={"num_hidden_layers": 9})
    assert [count for _, count in smaller.layers] == [9]
    assert [count for _, count in model.layers] == [32]
