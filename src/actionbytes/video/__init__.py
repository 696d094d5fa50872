"""Videos: files to frames, frames to optical flow, and both on disk between the stages."""
