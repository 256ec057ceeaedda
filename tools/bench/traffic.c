// SPDX-License-Identifier: GPL-2.0
/*
 * Moves a fixed amount of data from one network namespace to another, one process at both ends, without a loss: what is
 * to come next waits for what was sent.
 *
 *   traffic WORKLOAD AMOUNT FROM TO ADDRESS… [transmit-only]
 *   traffic count COMMAND…
 *   traffic symbols
 *
 * FROM and TO are names of namespaces, the ADDRESSes those of the receivers in TO, which take turns. AMOUNT is in packets
 * (in round trips for `rtt`). A tenth of it or more is moved first, then all of it between the marks that count.c sees. The last
 * line of output is `moved PACKETS in NANOSECONDS`.
 *
 * With `count`, a program does the work between the marks: it says `ready`, waits for a line, and says `sent` when it has
 * done it. What it has caused has a moment to come to its end.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <sched.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "mark.h"

#define BATCH 64
#define SEGMENT 1380
#define SEGMENTS 32
#define MAX_RECEIVERS 16
#define PORT 7000
#define TCP_WRITE 65536
#define TCP_IN_FLIGHT (4 * TCP_WRITE)
/* What the TCP of Linux puts into a packet of 1420 bytes, the tunnel's MTU. */
#define TCP_SEGMENT 1368
#define SOCKET_BUFFER (8 << 20)

_Noreturn static void give_up(const char *format, ...)
{
	int error = errno;
	va_list list;

	fprintf(stderr, "traffic: ");
	va_start(list, format);
	vfprintf(stderr, format, list);
	va_end(list);
	fprintf(stderr, "%s%s\n", error ? ": " : "", error ? strerror(error) : "");
	exit(1);
}

/* One way: a socket in FROM and one in TO that are each other's peer. */
struct way {
	int from;
	int to;
};

struct traffic {
	struct way ways[MAX_RECEIVERS];
	unsigned int count;
	bool transmit_only;
};

/* The sender's messages of a batch, and what is received. */
static char out[TCP_WRITE], in[BATCH][65536];
static struct iovec in_space[BATCH];
static struct mmsghdr incoming[BATCH];

/* --- Workloads: each moves so many packets. --- */

static void receive_datagrams(int socket, unsigned int count)
{
	while (count) {
		int got = recvmmsg(socket, incoming, count, 0, NULL);

		if (got < 0)
			give_up("receiving");
		count -= got;
	}
}

/* Until the socket's packets are beyond the device. */
static void wait_until_sent(int socket)
{
	int queued;

	do {
		if (ioctl(socket, SIOCOUTQ, &queued))
			give_up("SIOCOUTQ");
		if (queued)
			sched_yield();
	} while (queued);
}

static void settle(const struct traffic *traffic, unsigned int way, unsigned int count)
{
	if (traffic->transmit_only)
		wait_until_sent(traffic->ways[way].from);
	else
		receive_datagrams(traffic->ways[way].to, count);
}

/* A batch goes to one receiver; each has as much on its way before what came is looked at. */
static void datagrams(const struct traffic *traffic, unsigned long amount, size_t length)
{
	struct iovec space = { out, length };
	struct mmsghdr messages[BATCH];
	unsigned int way;
	unsigned long sent;

	for (way = 0; way < BATCH; way++)
		messages[way] = (struct mmsghdr){ .msg_hdr = { .msg_iov = &space, .msg_iovlen = 1 } };
	for (sent = 0; sent < amount; sent += BATCH * traffic->count) {
		for (way = 0; way < traffic->count; way++)
			if (sendmmsg(traffic->ways[way].from, messages, BATCH, 0) != BATCH)
				give_up("sending");
		for (way = 0; way < traffic->count; way++)
			settle(traffic, way, BATCH);
	}
}

static void udp64(const struct traffic *traffic, unsigned long amount)
{
	datagrams(traffic, amount, 64);
}

static void udp1380(const struct traffic *traffic, unsigned long amount)
{
	datagrams(traffic, amount, SEGMENT);
}

/* Super-packets that the stack or a device cuts. */
static void gso(const struct traffic *traffic, unsigned long amount)
{
	unsigned long sent;
	unsigned int way;

	for (sent = 0; sent < amount; sent += SEGMENTS * traffic->count) {
		for (way = 0; way < traffic->count; way++)
			if (send(traffic->ways[way].from, out, SEGMENTS * SEGMENT, 0) < 0)
				give_up("sending");
		for (way = 0; way < traffic->count; way++)
			settle(traffic, way, SEGMENTS);
	}
}

static void round_trips(const struct traffic *traffic, unsigned long amount)
{
	unsigned long done;

	for (done = 0; done < amount; done++) {
		const struct way *way = &traffic->ways[done % traffic->count];

		if (send(way->from, out, 64, 0) < 0 || recv(way->to, in[0], sizeof(in[0]), 0) < 0 ||
		    send(way->to, out, 64, 0) < 0 || recv(way->from, in[0], sizeof(in[0]), 0) < 0)
			give_up("a round trip");
	}
}

static void stream(const struct traffic *traffic, unsigned long amount)
{
	unsigned long total = amount * TCP_SEGMENT / traffic->count;
	unsigned long sent[MAX_RECEIVERS] = { 0 }, received[MAX_RECEIVERS] = { 0 };
	unsigned int way, open = traffic->count;

	while (open) {
		for (way = 0; way < traffic->count; way++) {
			const struct way *socket = &traffic->ways[way];
			ssize_t got;

			if (sent[way] < total && sent[way] - received[way] < TCP_IN_FLIGHT) {
				size_t length = total - sent[way] < TCP_WRITE ? total - sent[way] : TCP_WRITE;

				if (send(socket->from, out, length, 0) != (ssize_t)length)
					give_up("writing");
				sent[way] += length;
			} else if (received[way] < total) {
				got = recv(socket->to, in, TCP_WRITE, 0);
				if (got <= 0)
					give_up("reading");
				received[way] += got;
				open -= received[way] == total;
			}
		}
	}
}

static const struct workload {
	const char *name;
	void (*move)(const struct traffic *traffic, unsigned long amount);
	int type;
	/* UDP_SEGMENT of the sender. */
	int segment;
	/* What AMOUNT must be a multiple of, for each receiver. */
	unsigned int unit;
	/* How much is moved before at least: until the congestion window is open, and what the scheduler averages is level. */
	unsigned int warm_up;
} workloads[] = {
	{ "udp64", udp64, SOCK_DGRAM, 0, BATCH, BATCH },
	{ "udp1380", udp1380, SOCK_DGRAM, 0, BATCH, BATCH },
	{ "gso", gso, SOCK_DGRAM, SEGMENT, SEGMENTS, SEGMENTS },
	{ "tcp", stream, SOCK_STREAM, 0, 1, 1024 },
	{ "rtt", round_trips, SOCK_DGRAM, 0, 1, 512 },
};

/* --- Sockets --- */

static void enter(const char *namespace)
{
	char path[256];
	int file;

	snprintf(path, sizeof(path), "/run/netns/%s", namespace);
	file = open(path, O_RDONLY);
	if (file < 0 || setns(file, CLONE_NEWNET))
		give_up("namespace %s", namespace);
	close(file);
}

static void set(int socket, int level, int option, int value)
{
	if (setsockopt(socket, level, option, &value, sizeof(value)))
		give_up("option %d of a socket", option);
}

static struct sockaddr_in address_of(const char *text, int port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port) };

	if (inet_pton(AF_INET, text, &address.sin_addr) != 1)
		give_up("%s is no address", text);
	return address;
}

static int make_socket(int type)
{
	int made = socket(AF_INET, type | SOCK_CLOEXEC, 0);

	if (made < 0)
		give_up("a socket");
	set(made, SOL_SOCKET, SO_REUSEADDR, 1);
	set(made, SOL_SOCKET, SO_RCVBUFFORCE, SOCKET_BUFFER);
	set(made, SOL_SOCKET, SO_SNDBUFFORCE, SOCKET_BUFFER);
	return made;
}

static void join(int socket, struct sockaddr_in address)
{
	if (connect(socket, (struct sockaddr *)&address, sizeof(address)))
		give_up("connecting");
}

static struct sockaddr_in name_of(int socket)
{
	struct sockaddr_in address;
	socklen_t length = sizeof(address);

	if (getsockname(socket, (struct sockaddr *)&address, &length))
		give_up("a socket's address");
	return address;
}

static struct way make_way(const struct workload *workload, const char *from, const char *to, const char *address)
{
	struct sockaddr_in there = address_of(address, PORT);
	int type = workload->type, listening;
	struct way way;

	enter(to);
	listening = make_socket(type);
	if (bind(listening, (struct sockaddr *)&there, sizeof(there)) || (type == SOCK_STREAM && listen(listening, 1)))
		give_up("listening on %s", address);
	enter(from);
	way.from = make_socket(type);
	join(way.from, there);
	if (type == SOCK_STREAM) {
		way.to = accept(listening, NULL, NULL);
		if (way.to < 0)
			give_up("accepting");
		close(listening);
		set(way.from, IPPROTO_TCP, TCP_NODELAY, 1);
	} else {
		way.to = listening;
		join(way.to, name_of(way.from));
	}
	if (workload->segment)
		set(way.from, SOL_UDP, UDP_SEGMENT, workload->segment);
	return way;
}

/* --- */

static uint64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000000000ull + time.tv_nsec;
}

static unsigned long round_up(unsigned long amount, unsigned long unit)
{
	return (amount + unit - 1) / unit * unit;
}

static void measure(const struct workload *workload, const struct traffic *traffic, unsigned long amount)
{
	unsigned long unit = workload->unit * traffic->count, warm_up = amount / 10;
	uint64_t start;

	MAKE_MARK(MARK_COUNT);
	workload->move(traffic, round_up(warm_up > workload->warm_up ? warm_up : workload->warm_up, unit));
	amount = round_up(amount, unit);
	start = now();
	MAKE_MARK(MARK_BEGIN);
	workload->move(traffic, amount);
	MAKE_MARK(MARK_END);
	printf("moved %lu in %lu\n", amount, (unsigned long)(now() - start));
}

/* All of the kernel's symbols, where the plugin looks for them. */
static int tell_symbols(void)
{
	const size_t room = 64 << 20;
	uint64_t *length = mmap((void *)SYMBOLS_AT, room, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	char *text = (char *)(length + 1);
	int file = open("/proc/kallsyms", O_RDONLY);
	ssize_t got;

	if (length == MAP_FAILED || file < 0)
		give_up("the kernel's symbols");
	while ((got = read(file, text + *length, room - sizeof(*length) - *length)) > 0)
		*length += got;
	MAKE_MARK(MARK_SYMBOLS);
	return 0;
}

/* Long enough for a worker to empty its queue. */
#define SETTLE_MICROSECONDS 500000

/* The next line of what the command says has to be that. */
static void expect(FILE *said, const char *wanted)
{
	char line[64];

	errno = 0;
	if (!fgets(line, sizeof(line), said) || strcmp(line, wanted))
		give_up("the command should have said %s", wanted);
}

static int count_command(char **command)
{
	int orders[2], said[2];
	FILE *answers;

	if (pipe2(orders, O_CLOEXEC) || pipe2(said, O_CLOEXEC))
		give_up("a pipe");
	switch (fork()) {
	case -1:
		give_up("a process");
	case 0:
		if (dup2(orders[0], STDIN_FILENO) < 0 || dup2(said[1], STDOUT_FILENO) < 0)
			give_up("the command's input and output");
		execvp(command[0], command);
		give_up("%s", command[0]);
	}
	close(said[1]);
	answers = fdopen(said[0], "r");
	if (!answers)
		give_up("the command's output");
	expect(answers, "ready\n");
	MAKE_MARK(MARK_COUNT);
	MAKE_MARK(MARK_BEGIN);
	if (write(orders[1], "\n", 1) != 1)
		give_up("the command does not listen");
	expect(answers, "sent\n");
	usleep(SETTLE_MICROSECONDS);
	MAKE_MARK(MARK_END);
	return 0;
}

static const struct workload *find_workload(const char *name)
{
	size_t index;

	for (index = 0; index < sizeof(workloads) / sizeof(*workloads); index++)
		if (!strcmp(workloads[index].name, name))
			return &workloads[index];
	give_up("there is no workload %s", name);
}

int main(int argc, char **argv)
{
	struct traffic traffic = { .count = 0 };
	const struct workload *workload;
	int index;

	if (argc == 2 && !strcmp(argv[1], "symbols"))
		return tell_symbols();
	if (argc > 2 && !strcmp(argv[1], "count"))
		return count_command(argv + 2);
	if (argc < 6 || atol(argv[2]) < 1) {
		fprintf(stderr, "usage: traffic WORKLOAD AMOUNT FROM TO ADDRESS… [transmit-only]\n");
		return 2;
	}
	workload = find_workload(argv[1]);
	for (index = 0; index < BATCH; index++) {
		in_space[index] = (struct iovec){ in[index], sizeof(in[index]) };
		incoming[index].msg_hdr = (struct msghdr){ .msg_iov = &in_space[index], .msg_iovlen = 1 };
	}
	for (index = 5; index < argc; index++) {
		if (!strcmp(argv[index], "transmit-only"))
			traffic.transmit_only = true;
		else if (traffic.count < MAX_RECEIVERS)
			traffic.ways[traffic.count++] = make_way(workload, argv[3], argv[4], argv[index]);
	}
	measure(workload, &traffic, atol(argv[2]));
	return 0;
}
