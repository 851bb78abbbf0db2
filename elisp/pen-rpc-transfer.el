;;; pen-rpc-transfer.el --- Hand large texts over as files -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Commentary:

;; A text above a megabyte, or of more than a thousand lines of JSON records,
;; would take long to print and to parse, and far larger ones do not fit a
;; frame.  Such an argument goes by a file that is the user's alone; the service
;; reads it before it answers, and then it is removed.

;;; Code:

(eval-when-compile (require 'cl-lib))

(defconst pen-rpc-transfer-bytes 1000000 "Longer texts go by file.")
(defconst pen-rpc-transfer-records 1000 "Texts of more JSON records go by file.")
(defconst pen-rpc--transfer-seconds 3600 "Files older than that were left by an Emacs that died.")

(defun pen-rpc-transfer-directory ()
  "Return the directory for such files, made if need be; nobody else may look in."
  (let* ((runtime (getenv "XDG_RUNTIME_DIR"))
         (state (getenv "XDG_STATE_HOME"))
         (directory
          (cond ((and runtime (file-name-absolute-p runtime))
                 (expand-file-name "pen/transfer/" runtime))
                ((and state (file-name-absolute-p state))
                 (expand-file-name "pen/run/transfer/" state))
                (t (expand-file-name "~/.local/state/pen/run/transfer/")))))
    (unless (file-directory-p directory)
      (with-file-modes #o700
        (make-directory directory t)))
    directory))

(defun pen-rpc--transfer-p (text)
  "Return non-nil if TEXT is better sent as a file."
  (or (> (string-bytes text) pen-rpc-transfer-bytes)
      (and (> (length text) pen-rpc-transfer-records)
           (eq (aref text 0) ?{)
           (pen-rpc--many-lines-p text))))

(defun pen-rpc--many-lines-p (text)
  "Return non-nil if TEXT has more lines than `pen-rpc-transfer-records'."
  (let ((start 0) (count 0))
    (while (and (<= count pen-rpc-transfer-records)
                (setq start (string-match "\n" text start)))
      (setq start (1+ start)
            count (1+ count)))
    (> count pen-rpc-transfer-records)))

(defun pen-rpc--transfer-write (text)
  "Write TEXT to a new file; return the plist that stands for it."
  (pen-rpc--transfer-sweep)
  (let ((bytes (pen-rpc--transfer-encode text))
        (coding-system-for-write 'no-conversion)
        (write-region-inhibit-fsync t)
        (file (make-temp-file (expand-file-name "text-" (pen-rpc-transfer-directory)))))
    (with-file-modes #o600
      (write-region bytes nil file nil 'silent))
    (list :file file :bytes (length bytes) :sha256 (secure-hash 'sha256 bytes))))

(defun pen-rpc--transfer-encode (text)
  "Return TEXT in UTF-8; what is no text is refused later.
Emacs has it in UTF-8 already, and encoding what is not ASCII would
take twice as long as looking at the bytes."
  (if (= (string-bytes text) (length text))
      (encode-coding-string text 'utf-8-unix t)
    (with-temp-buffer
      (buffer-disable-undo)
      (insert text)
      (set-buffer-multibyte nil)
      (buffer-string))))

(defun pen-rpc--transfer-sweep ()
  "Remove what an Emacs that died has left."
  (let ((directory (pen-rpc-transfer-directory))
        (old (- (float-time) pen-rpc--transfer-seconds)))
    (dolist (file (directory-files directory t "\\`text-"))
      (when (time-less-p (file-attribute-modification-time (file-attributes file)) old)
        (ignore-errors (delete-file file))))))

(defun pen-rpc--transfer (parameters plist)
  "Replace the large texts of PLIST, whose types PARAMETERS has, by files.
Return (PLIST . FILES); FILES are to be removed after the reply."
  (let ((files nil)
        (result nil))
    (cl-loop for (key value) on plist by #'cddr
             do (when (and (stringp value)
                           (pen-rpc--text-type-p (nth 1 (assq key parameters)))
                           (pen-rpc--transfer-p value))
                  (setq value (pen-rpc--transfer-write value))
                  (push (plist-get value :file) files))
             (setq result (cons value (cons key result))))
    (cons (nreverse result) files)))

(defun pen-rpc--text-type-p (type)
  "Return non-nil if TYPE takes a text that may be large."
  (or (eq type 'text)
      (and (eq (car-safe type) 'or) (memq 'text type))))

(defun pen-rpc--transfer-remove (files)
  "Remove FILES."
  (dolist (file files)
    (ignore-errors (delete-file file))))

(provide 'pen-rpc-transfer)
;;; pen-rpc-transfer.el ends here
