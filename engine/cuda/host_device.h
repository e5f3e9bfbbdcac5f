#pragma once

/// Functions marked VITRINE_HD are compiled for the GPU by nvcc and for the CPU by everyone, so that a test can run a
/// kernel's body over an emulated grid.
#ifdef __CUDACC__
#define VITRINE_HD __host__ __device__
#else
#define VITRINE_HD
#endif
