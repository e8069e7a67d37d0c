"""The reference networks in PyTorch, as a peer of the two stages.

usage: peer.py DIRECTORY THREADS

DIRECTORY has the same data that mlrec trains on, as text with tabs, ids dense
from 0: `rows` (user, movie, rating: the training part), `users` (gender, age,
occupation as codes) and `movies` (genres as 0 or 1, then the year in 0 .. 1).

Reads commands from standard input, a line each, and answers each with the
seconds that it took: `retrieval` and `ranking` are one epoch of a stage,
`whole RETRIEVAL RANKING` so many epochs of both, `quit` ends.

Towers: ids to 32 numbers, gender, age and occupation to 8 each, then Dense 64
with ReLU, dropout 0.2 and Dense 64, made unit length; the cosine through
Dense 1 says whether a movie is liked.  Ranking: both vectors through
128-128-128-64-1 with ReLU, batch normalization and dropout.  Adam, batches of
2,048 rows.
"""
import sys
import time

import numpy
import torch
from torch import nn

BATCH = 2048


def read(directory, name, dtype):
    """A file of numbers as a matrix."""
    with open(f"{directory}/{name}") as file:
        width = len(file.readline().split("\t"))
    return torch.from_numpy(
        numpy.fromfile(f"{directory}/{name}", sep=" ", dtype=dtype).reshape(-1, width))


class Tower(nn.Module):
    """Codes, each to its embedding, and features, to a unit vector."""

    def __init__(self, codes, features):
        super().__init__()
        self.embeddings = nn.ModuleList(nn.Embedding(n, width) for n, width in codes)
        inputs = sum(width for _, width in codes) + features
        self.layers = nn.Sequential(
            nn.Linear(inputs, 64), nn.ReLU(), nn.Dropout(0.2), nn.Linear(64, 64))

    def forward(self, codes, features=None):
        parts = [table(codes[:, i]) for i, table in enumerate(self.embeddings)]
        if features is not None:
            parts.append(features)
        return nn.functional.normalize(self.layers(torch.cat(parts, 1)), dim=1)


def ranker():
    return nn.Sequential(
        nn.Linear(128, 128), nn.ReLU(), nn.BatchNorm1d(128), nn.Dropout(0.3),
        nn.Linear(128, 128), nn.ReLU(), nn.BatchNorm1d(128), nn.Dropout(0.2),
        nn.Linear(128, 64), nn.ReLU(), nn.Dropout(0.1),
        nn.Linear(64, 1))


class Peer:
    def __init__(self, directory):
        rows = read(directory, "rows", numpy.int64)
        self.user, self.movie = rows[:, 0].clone(), rows[:, 1].clone()
        self.rating = rows[:, 2].float()
        self.liked = (self.rating >= 4).float()
        users = read(directory, "users", numpy.int64)
        self.features = read(directory, "movies", numpy.float32)
        n_users, n_movies = len(users), len(self.features)
        self.user_codes = torch.cat([torch.arange(n_users)[:, None], users], 1)
        self.movie_codes = torch.arange(n_movies)[:, None]
        values = [int(n) for n in users.max(0).values + 1]
        self.user_tower = Tower([(n_users, 32)] + [(n, 8) for n in values], 0)
        self.movie_tower = Tower([(n_movies, 32)], self.features.shape[1])
        self.head = nn.Linear(1, 1)
        self.ranker = ranker()
        self.retrieval_adam = torch.optim.Adam(
            [*self.user_tower.parameters(), *self.movie_tower.parameters(),
             *self.head.parameters()], 1e-3)
        self.ranking_adam = torch.optim.Adam(self.ranker.parameters(), 1e-3)
        self.vectors = None

    def retrieval(self):
        loss_of = nn.BCEWithLogitsLoss()
        for batch in torch.randperm(len(self.user)).split(BATCH):
            movie = self.movie[batch]
            users = self.user_tower(self.user_codes[self.user[batch]])
            movies = self.movie_tower(self.movie_codes[movie], self.features[movie])
            logit = self.head((users * movies).sum(1, keepdim=True))[:, 0]
            self.retrieval_adam.zero_grad()
            loss_of(logit, self.liked[batch]).backward()
            self.retrieval_adam.step()
        self.vectors = None

    def encode(self):
        if self.vectors is None:
            with torch.no_grad():
                self.vectors = (self.user_tower(self.user_codes),
                                self.movie_tower(self.movie_codes, self.features))
        return self.vectors

    def ranking(self):
        users, movies = self.encode()
        for batch in torch.randperm(len(self.user)).split(BATCH):
            pairs = torch.cat([users[self.user[batch]], movies[self.movie[batch]]], 1)
            self.ranking_adam.zero_grad()
            ((self.ranker(pairs)[:, 0] - self.rating[batch]) ** 2).mean().backward()
            self.ranking_adam.step()


def main():
    directory, threads = sys.argv[1], int(sys.argv[2])
    torch.set_num_threads(threads)
    torch.manual_seed(1)
    peer = Peer(directory)
    for line in sys.stdin:
        command, *epochs = line.split()
        start = time.perf_counter()
        if command == "quit":
            break
        if command == "retrieval":
            peer.retrieval()
        elif command == "ranking":
            peer.ranking()
        else:
            for _ in range(int(epochs[0])):
                peer.retrieval()
            for _ in range(int(epochs[1])):
                peer.ranking()
        print(f"{time.perf_counter() - start:.4f}", flush=True)


main()
