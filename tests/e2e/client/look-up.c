/* SPDX-License-Identifier: Apache-2.0 */

/* look-up NAME...: what getaddrinfo(3) says of each, a line with the time in milliseconds, the error or 0, and the
 * addresses. Built with each C library. */

#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <time.h>

int main(int argc, char **argv) {
        for (int i = 1; i < argc; i++) {
                const struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM };
                struct addrinfo *list = NULL;
                struct timespec a, b;

                clock_gettime(CLOCK_MONOTONIC, &a);
                int r = getaddrinfo(argv[i], NULL, &hints, &list);
                clock_gettime(CLOCK_MONOTONIC, &b);
                printf("%ld %d", (b.tv_sec - a.tv_sec) * 1000 + (b.tv_nsec - a.tv_nsec) / 1000000, r);
                for (const struct addrinfo *p = r == 0 ? list : NULL; p; p = p->ai_next) {
                        char text[INET6_ADDRSTRLEN];
                        const void *addr = p->ai_family == AF_INET ?
                                                   (void *) &((struct sockaddr_in *) p->ai_addr)->sin_addr :
                                                   (void *) &((struct sockaddr_in6 *) p->ai_addr)->sin6_addr;

                        printf(" %s", inet_ntop(p->ai_family, addr, text, sizeof(text)));
                }
                printf("\n");
        }
        return 0;
}
