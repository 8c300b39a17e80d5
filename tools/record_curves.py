#!/usr/bin/env python3
"""Records learning curves: really trains many configurations of a small network and writes every epoch.

The network: two hidden layers of leaky ReLU units and a softmax, on the 8x8 digits that scikit-learn ships (1,797 pictures, ten
classes), trained by minibatch SGD with momentum in float32. A configuration is a draw of eight hyperparameters; their ranges
are wide on purpose, so that some configurations learn at once, some slowly, some never and some diverge. Everything but the
measured seconds is fixed by --seed: configuration k has its own random stream, whatever else is recorded. (Another BLAS may
round differently in the last digits; the committed table is the reference, not the program's output elsewhere.)

Output: a gzipped CSV, one row a configuration and epoch; docs/curves.md says what each column is. A diverged configuration
keeps training (as a program that does not look would); its loss is written `nan` from the first epoch at which the
validation loss is not a finite number.

Needs numpy and scikit-learn; one core:  python3 tools/record_curves.py --out scenarios/data/digits_curves.csv.gz
"""
import os

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

import argparse
import gzip
import math
import sys
import time

import numpy as np
from sklearn.datasets import load_digits

TRAIN, CLASSES = 1197, 10  # the other 600 pictures validate
LEAK = np.float32(0.1)
PARAMETERS = ("learning_rate", "decay", "batch_size", "width", "momentum", "weight_decay", "dropout", "init_scale")


def digits():
    """The pictures in a fixed random order, pixels in [0, 1]; (train, validation) pairs of pictures and labels."""
    data = load_digits()
    order = np.random.Generator(np.random.PCG64(20240)).permutation(len(data.target))
    pixels = (data.data[order] / 16).astype(np.float32)
    labels = data.target[order]
    return (pixels[:TRAIN], labels[:TRAIN]), (pixels[TRAIN:], labels[TRAIN:])


def draw(rng):
    """One configuration. Five significant digits, so that the table says exactly what was trained."""

    def log_uniform(low, high):
        return float(f"{math.exp(rng.uniform(math.log(low), math.log(high))):.5g}")

    return {
        "learning_rate": log_uniform(3e-4, 1),
        "decay": log_uniform(1e-2, 1),  # learning rate at the last epoch / at the first, geometric between
        "batch_size": round(log_uniform(8, 256)),
        "width": round(log_uniform(8, 128)),
        "momentum": float(f"{1 - log_uniform(0.01, 1):.5g}"),
        "weight_decay": log_uniform(1e-6, 3e-2),
        "dropout": float(f"{rng.uniform(0, 0.6):.5g}"),
        "init_scale": log_uniform(0.1, 4),  # times He's initial deviation
    }


def validate(layers, pictures, labels):
    """Mean cross-entropy in nats and the share of right answers."""
    w1, b1, w2, b2, w3, b3 = layers
    first = pictures @ w1 + b1
    second = np.maximum(first, LEAK * first) @ w2 + b2
    logits = (np.maximum(second, LEAK * second) @ w3 + b3).astype(np.float64)
    logits -= logits.max(axis=1, keepdims=True)
    chosen = logits[np.arange(len(labels)), labels]
    loss = float(np.mean(np.log(np.exp(logits).sum(axis=1)) - chosen))
    return loss, float(np.mean(logits.argmax(axis=1) == labels))


def train(config, rng, epochs, train_set, validation_set):
    """Yields (loss, accuracy, seconds) of each epoch; loss is nan once diverged. Seconds are the processor time of the
    epoch's training and its validation, so other programs on the machine do not count."""
    pictures, labels = train_set
    width, batch = config["width"], config["batch_size"]
    momentum, decay = np.float32(config["momentum"]), np.float32(config["weight_decay"])
    keep, one = np.float32(1 - config["dropout"]), np.float32(1)
    scale = config["init_scale"]

    def layer(fan_in, fan_out):
        weights = rng.standard_normal((fan_in, fan_out)) * (scale * math.sqrt(2 / fan_in))
        return weights.astype(np.float32), np.zeros(fan_out, np.float32)

    layers = [*layer(pictures.shape[1], width), *layer(width, width), *layer(width, CLASSES)]
    speeds = [np.zeros_like(w) for w in layers]
    one_hot = np.eye(CLASSES, dtype=np.float32)[labels]
    diverged = False
    for epoch in range(epochs):
        began = time.thread_time()
        rate = np.float32(config["learning_rate"] * config["decay"] ** (epoch / (epochs - 1)))
        order = rng.permutation(len(labels))
        for start in range(0, len(order), batch):
            pick = order[start : start + batch]
            x, y = pictures[pick], one_hot[pick]
            w1, b1, w2, b2, w3, b3 = layers
            first = x @ w1 + b1
            first_slope = np.where(first > 0, one, LEAK)
            first *= first_slope
            second = first @ w2 + b2
            second_slope = np.where(second > 0, one, LEAK)
            second_slope *= (rng.random(second.shape, np.float32) < keep) / keep
            second *= second_slope
            out = second @ w3 + b3
            out = np.exp(out - out.max(axis=1, keepdims=True))
            out /= out.sum(axis=1, keepdims=True)
            error = (out - y) / np.float32(len(pick))
            second_error = (error @ w3.T) * second_slope
            first_error = (second_error @ w2.T) * first_slope
            gradients = (x.T @ first_error + decay * w1, first_error.sum(axis=0),
                         first.T @ second_error + decay * w2, second_error.sum(axis=0),
                         second.T @ error + decay * w3, error.sum(axis=0))
            for weights, speed, gradient in zip(layers, speeds, gradients):
                speed *= momentum
                speed -= rate * gradient
                weights += speed
        loss, accuracy = validate(layers, *validation_set)
        seconds = time.thread_time() - began
        diverged = diverged or not math.isfinite(loss)
        yield (math.nan if diverged else loss), accuracy, seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", required=True, help="the table to write (.csv.gz)")
    parser.add_argument("--configurations", type=int, default=2000)
    parser.add_argument("--epochs", type=int, default=64)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    if args.configurations < 1 or args.epochs < 2:
        parser.error("wanted at least 1 configuration and 2 epochs")

    train_set, validation_set = digits()
    np.seterr(all="ignore")  # divergence is a result here, not an accident
    warm_up = np.random.Generator(np.random.PCG64(0))  # a first matrix product pays for loading the library: not measured
    list(train(draw(warm_up), warm_up, 2, train_set, validation_set))

    lines = ["configuration,epoch,validation_loss_nats,accuracy,seconds," + ",".join(PARAMETERS)]
    began = time.monotonic()
    for number in range(args.configurations):
        rng = np.random.Generator(np.random.PCG64([args.seed, number]))
        config = draw(rng)
        text = ",".join(f"{config[name]:.5g}" for name in PARAMETERS)
        for epoch, (loss, accuracy, seconds) in enumerate(train(config, rng, args.epochs, train_set, validation_set), 1):
            lines.append(f"{number},{epoch},{loss:.5g},{accuracy:.4g},{seconds:.3g},{text}")
        if sys.stderr.isatty() or number % 50 == 49:
            print(f"{number + 1}/{args.configurations} configurations, {time.monotonic() - began:.0f} s", file=sys.stderr)
    with open(args.out + ".tmp", "wb") as file, gzip.GzipFile("", "wb", 9, file, mtime=0) as packed:
        packed.write(("\n".join(lines) + "\n").encode("ascii"))
    os.replace(args.out + ".tmp", args.out)


if __name__ == "__main__":
    main()
