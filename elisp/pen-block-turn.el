;;; pen-block-turn.el --- Org blocks that read what others write take turns -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Commentary:

;; Blocks run side by side, except that one which goes on with a conversation,
;; or learns from a file, waits for the block of this buffer that is writing it.

;;; Code:

(require 'cl-lib)
(require 'seq)
(require 'pen-rpc-error)
(require 'pen-block)

;;;; Predicates

(defun pen-block-turn--argument (block key)
  "Return the header argument KEY of BLOCK."
  (cdr (assq key (pen-block-params block))))

(defun pen-block-turn--reads-p (block other)
  "Return non-nil if OTHER, begun before BLOCK, is to write what that needs."
  (and (< (pen-block-number other) (pen-block-number block))
       (eq (marker-buffer (pen-block-marker other)) (marker-buffer (pen-block-marker block)))
       (or (pen-block-turn--session-p block other)
           (pen-block-turn--file-p block other))))

(defun pen-block-turn--session-p (block other)
  "Return non-nil if OTHER is a turn before BLOCK of the same conversation."
  (let ((session (pen-block-turn--argument block :session)))
    (and (not (member session '(nil "none")))
         (equal session (pen-block-turn--argument other :session))
         (< (pen-block-marker other) (pen-block-marker block)))))

(defun pen-block-turn--file-p (block other)
  "Return non-nil if OTHER is to write the records of BLOCK."
  (let ((records (pen-block-turn--argument block :dataset))
        (file (pen-block-turn--argument other :file)))
    (and records file
         (or (equal records (pen-block-name other))
             (equal (expand-file-name (format "%s" records) (pen-block-directory block))
                    (expand-file-name file (pen-block-directory other)))))))

;;;; Functions

(defun pen-block-turn (block function)
  "Call FUNCTION as soon as no other block is to write what BLOCK needs.
That is at once, or where BLOCK is by then; what goes wrong then is
said below it."
  (setf (pen-block-awaited block)
        (seq-find (apply-partially #'pen-block-turn--reads-p block) (pen-block-running)))
  (if (null (pen-block-awaited block))
      (funcall function)
    (pen-block-begin block #'ignore)
    (push (apply-partially #'pen-block-turn--come block function)
          (pen-block-waiting (pen-block-awaited block)))))

(defun pen-block-turn--come (block function well)
  "Go on with BLOCK by FUNCTION, if what it waited for ended WELL."
  (when (memq block (pen-block-running))
    (if (not well)
        (pen-block-fail block (format "not run, for req-%d, whose result it reads, did not end well; run that, then this"
                                      (pen-block-number (pen-block-awaited block))))
      (condition-case err
          (if (pen-block-there block (lambda () (pen-block-turn block function)))
              (pen-block-show-placeholder block)
            (pen-block-fail block "not run, for it was edited while it waited; run it again"))
        (error (pen-block-fail block (pen-rpc-sentence (pen-rpc-error-plist err))))))))

(provide 'pen-block-turn)
;;; pen-block-turn.el ends here
