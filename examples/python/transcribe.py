"""Transcribes English speech in a pool of processes: where does their time go, which files fail?

    ringside run -- python3 examples/python/transcribe.py --model fast

One line per file on stdout, tab-separated: outcome, model, file, seconds, words, text or error.
Needs pocketsphinx (Debian: python3-pocketsphinx, pocketsphinx-en-us).
"""

import argparse
import concurrent.futures
import multiprocessing
import os
import pathlib
import sys
import time
import wave

import ringside

TEST_DATA = "/usr/share/pocketsphinx/test/data"
MODEL_FOLDER = "/usr/share/pocketsphinx/model/en-us"
SAMPLE_RATE = 16000
MODELS = {
    "accurate": {},
    "fast": {"-ds": 2, "-topn": 2, "-maxhmmpf": 2000, "-maxwpf": 5, "-beam": 1e-40, "-wbeam": 1e-24,
             "-fwdflat": False, "-bestpath": False},
}

_decoders = {}  # of this process, by model


class AudioError(Exception):
    """A file that holds no speech we can read. `kind` is one of few words: it becomes a label."""

    def __init__(self, kind, message):
        super().__init__(message)
        self.kind = kind


def read_audio(path):
    """The samples of a WAV or RAW file, 16 kHz, 16 bits, mono, as bytes."""
    try:
        if path.endswith(".raw"):
            return pathlib.Path(path).read_bytes()
        with wave.open(path) as audio:
            form = (audio.getnchannels(), audio.getsampwidth(), audio.getframerate())
            if form != (1, 2, SAMPLE_RATE):
                raise AudioError("unsupported_format", f"{path}: not 16 kHz, 16-bit, mono PCM")
            samples = audio.readframes(audio.getnframes())
            if len(samples) < 2 * audio.getnframes():
                raise AudioError("truncated_file", f"{path}: ends before its last sample")
            return samples
    except FileNotFoundError as error:
        raise AudioError("missing_file", str(error)) from error
    except (OSError, EOFError, wave.Error) as error:
        raise AudioError("unreadable_file", f"{path}: {error}") from error


def load_decoder(model):
    from pocketsphinx import pocketsphinx
    config = pocketsphinx.Decoder.default_config()
    config.set_string("-hmm", f"{MODEL_FOLDER}/en-us")
    config.set_string("-lm", f"{MODEL_FOLDER}/en-us.lm.bin")
    config.set_string("-dict", f"{MODEL_FOLDER}/cmudict-en-us.dict")
    config.set_string("-logfn", os.devnull)
    setters = {bool: config.set_boolean, int: config.set_int, float: config.set_float}
    for name, value in MODELS[model].items():
        setters[type(value)](name, value)
    return pocketsphinx.Decoder(config)


def decode(decoder, samples):
    decoder.start_utt()
    decoder.process_raw(samples, False, True)
    decoder.end_utt()
    hypothesis = decoder.hyp()
    return hypothesis.hypstr if hypothesis is not None else ""


def words_of(text):
    """Spoken words, without marks like <sil> and the numbers of pronunciations, as in `read(2)`."""
    return [word.partition("(")[0].lower() for word in text.split() if word[0] not in "<[("]


def transcribe(path, model):
    """(outcome, words or error) of one file; one that cannot be read is a result too."""
    with ringside.request("transcribe", file=path, model=model) as request:
        try:
            with request.stage("read_audio"):
                samples = read_audio(path)
            seconds = len(samples) / 2 / SAMPLE_RATE
            request.set(size_bytes=os.path.getsize(path), audio_seconds=seconds)
            # Loaded with the first file: the slowest request of a worker is its first one.
            if model not in _decoders:
                with request.stage("model_loading"):
                    _decoders[model] = load_decoder(model)
            with request.stage("decode") as stage:
                start = time.perf_counter()
                text = decode(_decoders[model], samples)
                stage.value("real_time_factor", (time.perf_counter() - start) / seconds, unit="1")
            with request.stage("post_processing"):
                words = words_of(text)
            request.value("words", len(words), unit="{word}")
            return "ok", words
        except AudioError as error:
            request.fail(error.kind, str(error))
            return "error", [str(error)]


def work(path, model):
    start = time.perf_counter()
    outcome, words = transcribe(path, model)
    return outcome, path, time.perf_counter() - start, words


def expand(paths):
    """Folders stand for the audio files in them."""
    for path in map(pathlib.Path, paths):
        if path.is_dir():
            yield from sorted(str(file) for file in path.rglob("*")
                              if file.suffix in (".wav", ".raw"))
        else:
            yield str(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", nargs="+", default=[TEST_DATA],
                        help="audio files, or folders of them")
    parser.add_argument("--model", default="accurate", choices=sorted(MODELS))
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="processes in the pool")
    arguments = parser.parse_args()
    files = list(expand(arguments.files))
    ringside.configure(service="transcribe.py", label_keys=["model"])
    failed = 0
    with concurrent.futures.ProcessPoolExecutor(
            arguments.workers, mp_context=multiprocessing.get_context("fork")) as pool:
        for outcome, path, seconds, words in pool.map(work, files, [arguments.model] * len(files)):
            failed += outcome != "ok"
            count = len(words) if outcome == "ok" else 0
            print(outcome, arguments.model, path, f"{seconds:.3f}", count, " ".join(words),
                  sep="\t", flush=True)
    print(f"transcribe.py: {len(files)} files, {failed} failed", file=sys.stderr)


if __name__ == "__main__":
    main()
