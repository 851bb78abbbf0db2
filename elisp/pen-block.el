;;; pen-block.el --- A running org block -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Commentary:

;; The result of a block that runs in the background is put below it wherever
;; it is by then.  A block that was deleted or edited meanwhile gets nothing;
;; its result goes to *pen-log*.

;;; Code:

(require 'cl-lib)
(require 'seq)
(require 'org)
(require 'ob-core)
(require 'pen-rpc-error)
(require 'pen-answer)

;;;; Internal variables

(cl-defstruct (pen-block (:constructor pen-block--make) (:copier nil))
  "A run of the block NAME at MARKER, whose TEXT was this when it began.
It was ALONE if no other block of the buffer had the same text.
PARAMS are its header arguments, DIRECTORY is where its files are,
NUMBER is that of the run, CANCEL a function that stops it and says
what goes on nevertheless.  AWAITED is
the run that has to end before this one begins, or nil; WAITING are
functions to call once this one has ended, with whether that was well."
  marker name text alone params directory number cancel awaited waiting)

(defvar pen-block--running nil
  "The runs in the background, newest first.")

(defvar pen-block--count 0
  "Number of the last run.")

;;;; Declarations

(declare-function org-element-property "org-element" (property element))
(declare-function org-element-type "org-element" (element))

;;;; Functions: where it is

(defun pen-block-at-point (params)
  "Return a run with PARAMS of the block at point.
Nil if this is not where its result goes: it is inline, or called
from elsewhere."
  (let ((element (org-element-at-point)))
    (when (and (eq (org-element-type element) 'src-block)
               org-babel-current-src-block-location
               (= org-babel-current-src-block-location
                  (org-element-property :post-affiliated element)))
      (let* ((start (org-element-property :post-affiliated element))
             (text (buffer-substring-no-properties start (pen-block--end element))))
        (pen-block--make
         :marker (pen-block--marker start)
         :name (org-element-property :name element)
         :text text
         :alone (null (cdr (pen-block--places text)))
         :params params
         :directory default-directory
         :number (cl-incf pen-block--count))))))

(defun pen-block--marker (place)
  "Return a marker at PLACE that stays behind what is inserted there.
It outlives an indirect buffer."
  (let ((marker (make-marker)))
    (set-marker marker place (or (buffer-base-buffer) (current-buffer)))
    (set-marker-insertion-type marker t)
    marker))

(defun pen-block--end (element)
  "Return where the last line of ELEMENT, a block, ends."
  (save-excursion
    (goto-char (org-element-property :end element))
    (skip-chars-backward " \t\n")
    (line-end-position)))

(defun pen-block-visit (block function)
  "Call FUNCTION in the buffer and the directory of BLOCK, and return its value.
Without that buffer, the directory will do."
  (with-current-buffer (or (marker-buffer (pen-block-marker block)) (current-buffer))
    (let ((default-directory (pen-block-directory block)))
      (funcall function))))

(defun pen-block-there (block function)
  "Call FUNCTION where BLOCK is; return non-nil if it is there as it was."
  (when (marker-buffer (pen-block-marker block))
    (pen-block-visit block
                     (lambda ()
                       (org-with-wide-buffer
                        (when (pen-block--there-p block)
                          (goto-char (pen-block-marker block))
                          (funcall function)
                          t))))))

(defun pen-block--there-p (block)
  "Return non-nil if BLOCK is in this widened buffer as it was.
One that was moved, as with its heading, is found by its text."
  (let* ((start (marker-position (pen-block-marker block)))
         (end (+ start (length (pen-block-text block)))))
    (or (and (<= end (point-max))
             (equal (buffer-substring-no-properties start end) (pen-block-text block))
             (save-excursion (goto-char end) (eolp)))
        (when (pen-block-alone block)
          (pcase (pen-block--places (pen-block-text block))
            (`(,place) (set-marker (pen-block-marker block) place)))))))

(defun pen-block--places (text)
  "Return where lines that are TEXT begin in this buffer, no more than two places."
  (let ((case-fold-search nil) places)
    (org-with-wide-buffer
     (goto-char (point-min))
     (while (and (null (cdr places)) (search-forward text nil t))
       (when (and (eolp) (save-excursion (goto-char (match-beginning 0)) (bolp)))
         (push (match-beginning 0) places))))
    places))

;;;; Functions: its run

(defun pen-block-running ()
  "Return what is running in the background, newest first."
  pen-block--running)

(defun pen-block-begin (block cancel)
  "Note that BLOCK is running, and the function CANCEL to stop it.
Stop an earlier run of the same block: its result would go to the
same place.  What waited for that waits for this."
  (dolist (other pen-block--running)
    (when (equal (pen-block-marker other) (pen-block-marker block))
      (pen-block--forget other)
      (setf (pen-block-waiting block) (pen-block-waiting other))
      (funcall (pen-block-cancel other))))
  (setf (pen-block-cancel block) cancel)
  (push block pen-block--running))

(defun pen-block--forget (block)
  "Forget that BLOCK is running; return non-nil if it was."
  (when (memq block pen-block--running)
    (setq pen-block--running (delq block pen-block--running))
    t))

(defun pen-block-placeholder (block)
  "Return what stands for the result of BLOCK until then."
  (if (pen-block-awaited block)
      (format "pen: req-%d waits for req-%d" (pen-block-number block)
              (pen-block-number (pen-block-awaited block)))
    (format "pen: running req-%d" (pen-block-number block))))

(defun pen-block-abort (all)
  "Stop the blocks of this buffer, or ALL of them; return how many."
  (let ((blocks (seq-filter
                 (lambda (block)
                   (or all (eq (marker-buffer (pen-block-marker block))
                               (or (buffer-base-buffer) (current-buffer)))))
                 pen-block--running)))
    (dolist (block blocks)
      (let ((left (funcall (pen-block-cancel block))))
        (pen-block-fail block (if left (concat "stopped; " left) "stopped"))))
    (length blocks)))

(add-hook 'pen-abort-functions #'pen-block-abort)

;;;; Functions: its result

(defun pen-block-unseen-p (params)
  "Return non-nil if a block with PARAMS puts no result below it."
  (seq-intersection '("none" "silent") (cdr (assq :result-params params))))

(defun pen-block-finish (block value)
  "Put VALUE, as of an execute function or the name of a file, below BLOCK."
  (when (pen-block--forget block)
    (pen-block--land block value nil)
    (pen-block--release block t)))

(defun pen-block-fail (block sentence)
  "Say below BLOCK in a SENTENCE why it has no result."
  (when (pen-block--forget block)
    (pen-block--land block (concat "pen: " sentence) 'note)
    (pen-block--release block nil)))

(defun pen-block--release (block well)
  "Let go on what waited for BLOCK, which has ended, WELL or not."
  (dolist (function (reverse (pen-block-waiting block)))
    (funcall function well)))

(defun pen-block-show-placeholder (block)
  "Put the placeholder of BLOCK below it, if it is still running."
  (when (memq block pen-block--running)
    (pen-block--land block (pen-block-placeholder block) 'note)))

(defun pen-block--land (block value note)
  "Put VALUE below BLOCK; a NOTE is neither a file's name nor worth keeping.
If BLOCK is no more, log VALUE; one that has :results silent says it."
  (let ((results (cdr (assq :result-params (pen-block-params block)))))
    (cond ((member "none" results))
          ((member "silent" results) (message "%s" value))
          ((not (pen-block--write block value note)) (pen-block--log block value)))))

(defun pen-block--write (block value note)
  "Put VALUE below BLOCK, unless that changed; return non-nil if it is there.
NOTE is as in `pen-block--land'."
  (condition-case err
      (pen-block-there block (lambda ()
                               (undo-boundary) ; it is not part of what is being typed
                               (pen-block--insert-result block value note)
                               (undo-boundary)))
    (error (pen-rpc-log "No result was written into %s: %s"
                        (marker-buffer (pen-block-marker block)) (error-message-string err))
           nil)))

(defun pen-block--insert-result (block value note)
  "Put VALUE below BLOCK, where point is; a NOTE is no file and not cached."
  (let* ((info (org-babel-get-src-block-info 'light))
         (params (pen-block-params block))
         (results (cdr (assq :result-params params)))
         (cache (equal "yes" (cdr (assq :cache params))))
         (inhibit-message t))
    (pen-block-unwrap params)
    (when (and note cache)              ; the hash goes, so that it is asked again
      (org-babel-remove-result info))
    (org-babel-insert-result value
                             (if note (remove "file" results) results) info
                             (and cache (not note) (org-babel-sha1-hash info :eval))
                             (car info))
    (unless note
      (run-hooks 'org-babel-after-execute-hook))))

(defun pen-block-unwrap (params)
  "Remove a quotation or poem that is the result of the block at point with PARAMS.
Of all that a result can be wrapped in, org replaces no such block,
but puts the next result before it."
  (unless (seq-intersection '("append" "prepend" "silent" "none")
                            (cdr (assq :result-params params)))
    (save-excursion
      (when-let ((place (and (assq :wrap params) (org-babel-where-is-src-block-result))))
        (goto-char place)
        (forward-line)
        (let ((element (org-element-at-point)))
          (when (memq (org-element-type element) '(quote-block center-block verse-block))
            (delete-region (org-element-property :begin element)
                           (org-element-property :end element))))))))

(defun pen-block--log (block value)
  "Log VALUE, the result of BLOCK, which is no more where it was."
  (pen-rpc-log "The block of req-%d was deleted, edited or cannot be written to; its result: %s"
               (pen-block-number block)
               (if (stringp value) value (format "%S" value)))
  (message "A block changed while it ran; its result is in *pen-log*"))

(provide 'pen-block)
;;; pen-block.el ends here
