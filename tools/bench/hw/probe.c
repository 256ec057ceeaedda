// SPDX-License-Identifier: GPL-2.0
/*
 * Latency as one sees it who does not wait: datagrams leave by a timetable, whether or not what went before has come back.
 *
 *   probe echo ADDRESS PORT
 *   probe ask ADDRESS PORT PER-SECOND SECONDS
 *
 * `ask` prints, in microseconds from when each datagram was due until its echo came,
 *
 *   sent N lost N p50 X p90 X p99 X p99.9 X max X
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define SIZE 64
/* How long the last echoes are waited for. */
#define PATIENCE 1000000000ll
/* How long the other end may take until it answers at all, and how often it is asked meanwhile. */
#define BEGINNING 10000000000ll
#define KNOCK 50000000ll

_Noreturn static void give_up(const char *what)
{
	fprintf(stderr, "probe: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000000000ll + time.tv_nsec;
}

static struct sockaddr_in address_of(char **words)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(atoi(words[1])) };

	if (inet_pton(AF_INET, words[0], &address.sin_addr) != 1) {
		errno = EINVAL;
		give_up(words[0]);
	}
	return address;
}

static int echo(struct sockaddr_in self)
{
	int sock = socket(AF_INET, SOCK_DGRAM, 0);
	char bytes[2048];

	if (sock < 0 || bind(sock, (struct sockaddr *)&self, sizeof(self)))
		give_up("binding");
	for (;;) {
		struct sockaddr_in from;
		socklen_t length = sizeof(from);
		ssize_t got = recvfrom(sock, bytes, sizeof(bytes), 0, (struct sockaddr *)&from, &length);

		if (got >= 0)
			sendto(sock, bytes, got, 0, (struct sockaddr *)&from, length);
	}
}

static int in_order(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static double percentile(const int64_t *sorted, size_t count, double part)
{
	size_t index = part * (count - 1) + 0.5;

	return sorted[index] / 1000.0;
}

/* What has come so far; `latency` is negative where nothing has. */
static size_t collect(int sock, const int64_t *due, int64_t *latency, uint64_t count)
{
	uint64_t number[SIZE / sizeof(uint64_t)];
	size_t came = 0;

	while (recv(sock, number, sizeof(number), MSG_DONTWAIT) == sizeof(number))
		if (number[0] < count && latency[number[0]] < 0) {
			latency[number[0]] = now() - due[number[0]];
			came++;
		}
	return came;
}

static void wait_for(int sock, int64_t until)
{
	struct pollfd file = { .fd = sock, .events = POLLIN };
	int64_t left = until - now();
	struct timespec time = { left / 1000000000, left % 1000000000 };

	if (left > 0)
		ppoll(&file, 1, &time, NULL);
}

/* Knocks, by numbers that no datagram has, until the other end answers. */
static int is_there(int sock)
{
	uint64_t number[SIZE / sizeof(uint64_t)] = { UINT64_MAX };
	int64_t end = now() + BEGINNING, next;

	while (now() < end) {
		send(sock, number, sizeof(number), 0);
		for (next = now() + KNOCK; now() < next;) {
			wait_for(sock, next);
			if (recv(sock, number, sizeof(number), MSG_DONTWAIT) == sizeof(number))
				return 1;
		}
	}
	return 0;
}

static int ask(struct sockaddr_in peer, double rate, double seconds)
{
	uint64_t count = rate * seconds, sent, number[SIZE / sizeof(uint64_t)] = { 0 };
	int64_t *due = calloc(count, sizeof(*due)), *latency = calloc(count, sizeof(*latency)), start, end;
	int sock = socket(AF_INET, SOCK_DGRAM, 0);
	size_t came = 0, index, kept = 0;

	if (!count || !due || !latency || sock < 0 || connect(sock, (struct sockaddr *)&peer, sizeof(peer)))
		give_up("beginning");
	if (!is_there(sock)) {
		fprintf(stderr, "probe: nobody answers\n");
		return 1;
	}
	start = now() + 1000000;
	for (index = 0; index < count; index++) {
		due[index] = start + index * (1e9 / rate);
		latency[index] = -1;
	}
	for (sent = 0; sent < count;) {
		wait_for(sock, due[sent]);
		came += collect(sock, due, latency, count);
		for (; sent < count && due[sent] <= now(); sent++) {
			number[0] = sent;
			send(sock, number, sizeof(number), 0);
		}
	}
	for (end = now() + PATIENCE; came < count && now() < end;) {
		wait_for(sock, end);
		came += collect(sock, due, latency, count);
	}
	for (index = 0; index < count; index++)
		if (latency[index] >= 0)
			latency[kept++] = latency[index];
	if (!kept) {
		fprintf(stderr, "probe: no echo came\n");
		return 1;
	}
	qsort(latency, kept, sizeof(*latency), in_order);
	printf("sent %lu lost %lu p50 %.1f p90 %.1f p99 %.1f p99.9 %.1f max %.1f\n", (unsigned long)count,
	       (unsigned long)(count - kept), percentile(latency, kept, 0.5), percentile(latency, kept, 0.9),
	       percentile(latency, kept, 0.99), percentile(latency, kept, 0.999), latency[kept - 1] / 1000.0);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 4 && !strcmp(argv[1], "echo"))
		return echo(address_of(argv + 2));
	if (argc == 6 && !strcmp(argv[1], "ask") && atof(argv[4]) > 0 && atof(argv[5]) > 0)
		return ask(address_of(argv + 2), atof(argv[4]), atof(argv[5]));
	fprintf(stderr, "usage: probe echo ADDRESS PORT | probe ask ADDRESS PORT PER-SECOND SECONDS\n");
	return 2;
}
