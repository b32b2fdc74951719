# CPU:   docker build -t bevdrive .
# CUDA:  docker build --build-arg TORCH=cu128 -t bevdrive .     # then: docker run --gpus all ... --device cuda
#        docker run --rm -v "$PWD/runs:/bevdrive/runs" bevdrive simulate --count 8
# `runs` has to be writable for user 1000; for another: --user "$(id -u)" -e HOME=/tmp
FROM python:3.11-slim AS wheel
WORKDIR /src
COPY . .
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheels .

FROM python:3.11-slim
# What Open3D draws with, without a display.
RUN apt-get update && apt-get install -y --no-install-recommends \
        libgl1 libegl1 libx11-6 libgomp1 libusb-1.0-0 libvulkan1 mesa-vulkan-drivers \
    && rm -rf /var/lib/apt/lists/*
ARG TORCH=cpu
COPY constraints.txt /wheels/
COPY --from=wheel /wheels/ /wheels/
# Its own index has torch by processor: 2.13.0+cpu is newer than the 2.13.0 of the usual one.
RUN pip install --no-cache-dir -c /wheels/constraints.txt \
        --extra-index-url https://download.pytorch.org/whl/${TORCH} torch \
    && pip install --no-cache-dir -c /wheels/constraints.txt "$(echo /wheels/*.whl)[view]"
RUN useradd --create-home --uid 1000 driver && install -d -o driver /bevdrive /bevdrive/runs
USER driver
WORKDIR /bevdrive
ENTRYPOINT ["bevdrive"]
CMD ["--help"]
