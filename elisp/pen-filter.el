;;; pen-filter.el --- Review a text before it replaces the region -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Commentary:

;; A prompt that filters gets the region and writes it anew.  The new text is
;; shown in place of the old one, by an overlay: the buffer is not changed until
;; you accept.  The keys are those of gptel-rewrite, and work with point at the
;; text, or anywhere in the buffer if it is the only one under review.

;;; Code:

(require 'cl-lib)
(require 'seq)
(require 'subr-x)
(require 'pen-redraw)
(require 'pen-answer)

;;;; Faces

(defface pen-filter-new
  '((((class color) (min-colors 88) (background light)) :background "#e6f4e6" :extend t)
    (((class color) (min-colors 88) (background dark)) :background "#1c3320" :extend t)
    (t :inherit underline))
  "A text under review, shown in place of the one it may replace."
  :group 'pen)

(defface pen-filter-waiting '((t :inherit shadow))
  "A text whose replacement has not begun to arrive."
  :group 'pen)

;;;; Keymaps

(defvar pen-filter-map
  (let ((map (make-sparse-keymap)))
    (define-key map (kbd "C-c C-a") #'pen-filter-accept)
    (define-key map (kbd "C-c C-k") #'pen-filter-reject)
    (define-key map (kbd "C-c C-d") #'pen-filter-diff)
    (define-key map (kbd "C-c C-e") #'pen-filter-ediff)
    (define-key map (kbd "C-c C-n") #'pen-filter-next)
    (define-key map (kbd "C-c C-p") #'pen-filter-previous)
    map)
  "Keys at a text under review.")

;;;; Internal variables

(defconst pen-filter-most-shown 20000
  "Characters of a candidate that are drawn; the rest is there when accepted.")

(cl-defstruct (pen-filter (:include pen-answer) (:constructor pen-filter--make)
                          (:copier nil))
  "A new text for what is under OVERLAY, which was OLD when it was asked for."
  overlay old)

(defvar-local pen-filter--all nil
  "The reviews that are open in this buffer.")

;;;; Declarations

(declare-function diff-no-select "diff" (old new &optional switches no-async buf))

;;;; Functions: opening and closing

(defun pen-filter-check (beg end)
  "Say so if the text from BEG to END cannot be replaced."
  (cond (buffer-read-only
         (user-error "This buffer is read-only, so its text cannot be replaced; C-x C-q makes it writable"))
        ((= beg end)
         (user-error "The region is empty; mark the text that is to be replaced"))
        ((or (get-text-property beg 'read-only) (text-property-not-all beg end 'read-only nil))
         (user-error "A part of the region is read-only, so it cannot be replaced; mark less"))
        ((seq-some (lambda (each) (pen-filter-p (overlay-get each 'pen-filter)))
                   (overlays-in beg end))
         (user-error "A part of the region is under review; accept it with C-c C-a or reject it with C-c C-k first"))))

(defun pen-filter-start (beg end definition values options)
  "Have DEFINITION write the text from BEG to END anew, and show it for review.
VALUES are those of its variables as the wire wants them, OPTIONS
those of the request.  Return the review."
  (pen-filter-check beg end)
  (deactivate-mark)
  (goto-char beg)                       ; where the keys work, which they do not at END
  (let* ((overlay (make-overlay beg end nil t))
         (filter (pen-filter--make :overlay overlay
                                   :old (buffer-substring-no-properties beg end)
                                   :prompt (plist-get definition :slug)
                                   :options options
                                   :ended #'pen-filter--ended
                                   :closer #'pen-filter--remove)))
    (overlay-put overlay 'pen-filter filter)
    (overlay-put overlay 'keymap pen-filter-map)
    (overlay-put overlay 'priority 90)
    (overlay-put overlay 'evaporate t)
    (overlay-put overlay 'help-echo "C-c C-a accept, C-c C-k reject")
    (overlay-put overlay 'modification-hooks (list #'pen-filter--changed))
    (push filter pen-filter--all)
    (add-hook 'kill-buffer-hook #'pen-filter-close-all nil t)
    (add-hook 'change-major-mode-hook #'pen-filter-close-all nil t)
    (pen-answer-open filter (lambda () (pen-filter--draw filter)))
    (pen-answer-ask filter values (plist-get definition :n))
    filter))

(defun pen-filter-close-all ()
  "Close all reviews of this buffer and stop their requests."
  (mapc #'pen-answer-close pen-filter--all))

(defun pen-filter--remove (filter)
  "Take what is drawn of FILTER away."
  (setq pen-filter--all (delq filter pen-filter--all))
  (delete-overlay (pen-filter-overlay filter)))

(defun pen-filter--changed (overlay after &rest _)
  "Close the review of OVERLAY once its text was changed, AFTER being non-nil."
  (when after
    (let ((filter (overlay-get overlay 'pen-filter)))
      (unless (pen-filter-closed filter)
        (dolist (text (pen-answer-texts filter))
          (pen-rpc-log "A rewritten text that was not accepted:\n%s" text))
        (pen-answer-close filter)
        (message "The text under review was changed, so its new version is only in *pen-log*")))))

(defun pen-filter--ended (filter err)
  "Say that all of FILTER is there, or ERR, what went wrong."
  (pen-answer-settle
   filter err
   (concat "C-c C-a accept, C-c C-k reject, C-c C-d diff, C-c C-e ediff"
           (and (cdr (pen-answer-candidates filter)) ", C-c C-n others"))
   "run the prompt again"))

;;;; Functions: what is shown

(defun pen-filter--new (filter &optional enough)
  "Return the text that FILTER would put in place, with the old one's line ends.
If it has more than ENOUGH characters, the beginning will do."
  (let ((old (pen-filter-old filter))
        (text (pen-answer-text filter nil enough)))
    (when (and enough (> (length text) enough))
      (setq text (concat (substring text 0 enough) "…")))
    (concat (string-trim-right text "\n+")
            (and (string-match "\n+\\'" old) (match-string 0 old)))))

(defun pen-filter--draw (filter)
  "Draw FILTER."
  (let ((overlay (pen-filter-overlay filter))
        (state (propertize (pen-answer-state filter) 'face 'shadow)))
    (if (null (pen-filter-candidates filter))
        (progn (overlay-put overlay 'face 'pen-filter-waiting)
               (overlay-put overlay 'before-string (concat (substring state 1) " ")))
      ;; What is shown in place of the text has the state before its last line break.
      (let ((new (pen-filter--new filter pen-filter-most-shown)))
        (string-match "\n*\\'" new)
        (overlay-put overlay 'before-string nil)
        (overlay-put overlay 'face nil) ; it would mix with that of the new text
        (overlay-put overlay 'display
                     (pen-answer-folded
                      (concat (propertize (substring new 0 (match-beginning 0))
                                          'face 'pen-filter-new)
                              state
                              (substring new (match-beginning 0)))
                      (overlay-start overlay)))))))

(defun pen-filter--here ()
  "Return the review at point, or the only one of this buffer."
  (let ((overlay (seq-find (lambda (each) (overlay-get each 'pen-filter))
                           (append (overlays-at (point))
                                   (overlays-in (max (point-min) (1- (point))) (point))))))
    (cond (overlay (overlay-get overlay 'pen-filter))
          ((null pen-filter--all)
           (user-error "No text of this buffer is under review; M-x pen-filter-with-prompt-function rewrites one"))
          ((cdr pen-filter--all)
           (user-error "%d texts are under review here; go to one of them"
                       (length pen-filter--all)))
          (t (car pen-filter--all)))))

(defun pen-filter--written ()
  "Return the review at point if it has any text."
  (let ((filter (pen-filter--here)))
    (when (string-empty-p (pen-answer-text filter))
      (user-error "There is no new text yet; wait for it or reject with C-c C-k"))
    filter))

(defun pen-filter--buffer (name text mode)
  "Return a buffer called about NAME with TEXT in the major MODE."
  (with-current-buffer (generate-new-buffer (format "*pen %s*" name))
    (insert text)
    (unless (eobp)
      (goto-char (point-max)))
    (delay-mode-hooks (funcall mode))
    (set-buffer-modified-p nil)
    (goto-char (point-min))
    (current-buffer)))

;;;; Commands

(defun pen-filter-accept ()
  "Put the new text in place of the old one, as one change."
  (interactive)
  (let* ((filter (pen-filter--written))
         (new (pen-filter--new filter))
         (overlay (pen-filter-overlay filter))
         (beg (overlay-start overlay))
         (end (overlay-end overlay)))
    (unless (pen-filter-done filter)
      (user-error "The new text is still being written, so it is not taken yet; wait until the … is gone or reject with C-c C-k"))
    (save-restriction
      (widen)
      (pen-filter--check-text filter beg end)
      (pen-answer-close filter)
      (undo-boundary)
      (atomic-change-group
        (save-excursion
          (goto-char end)
          (insert new)
          (delete-region beg end)))
      (undo-boundary))))

(defun pen-filter--check-text (filter beg end)
  "Say so if the text of FILTER, from BEG to END, cannot be replaced any more."
  ;; A change through another buffer of the same text runs no hook of the overlay.
  (unless (equal (pen-filter-old filter) (buffer-substring-no-properties beg end))
    (user-error "The text under review was changed, so it is not replaced; reject with C-c C-k and run the prompt again"))
  (when (or buffer-read-only (text-property-not-all beg end 'read-only nil))
    (user-error "This text became read-only, so it cannot be replaced; the new one stays under review")))

(defun pen-filter-reject ()
  "Keep the old text and stop the request."
  (interactive)
  (pen-answer-close (pen-filter--here))
  (message "Rejected; the text is as it was"))

(defun pen-filter-next (&optional step)
  "Show the next candidate, or the one STEP further."
  (interactive)
  (pen-answer-step (pen-filter--here) (or step 1)
                   "reject with C-c C-k and run the prompt again for new ones"))

(defun pen-filter-previous ()
  "Show the previous candidate."
  (interactive)
  (pen-filter-next -1))

(defun pen-filter-diff ()
  "Show how the new text differs from the old one."
  (interactive)
  (require 'diff)
  (let ((filter (pen-filter--written)))
    (unless (executable-find diff-command)
      (user-error "There is no program %s on this machine; C-c C-e compares without it"
                  diff-command))
    (let ((old (pen-filter--buffer "old" (pen-filter-old filter) #'fundamental-mode))
          (new (pen-filter--buffer "new" (pen-filter--new filter) #'fundamental-mode)))
      (unwind-protect
          (display-buffer (diff-no-select old new nil t))
        (kill-buffer old)
        (kill-buffer new)))))

(defun pen-filter-ediff ()
  "Compare the old text with the new one by ediff."
  (interactive)
  (require 'ediff)
  (let* ((filter (pen-filter--written))
         (mode major-mode)
         (old (pen-filter--buffer "old" (pen-filter-old filter) mode))
         (new (pen-filter--buffer "new" (pen-filter--new filter) mode)))
    (ediff-buffers old new
                   (list (lambda ()
                           (add-hook 'ediff-quit-hook
                                     (lambda ()
                                       (mapc (lambda (each)
                                               (when (buffer-live-p each)
                                                 (kill-buffer each)))
                                             (list old new)))
                                     t t))))))

(provide 'pen-filter)
;;; pen-filter.el ends here
