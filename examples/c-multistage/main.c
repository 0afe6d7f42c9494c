#include <stdio.h>
#include <unistd.h>
int main(void) { printf("compiled with a secret of %d bytes, run by %d\n", TOKEN_LENGTH, getuid()); return 0; }
